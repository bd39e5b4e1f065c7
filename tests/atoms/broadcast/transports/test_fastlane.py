"""What uvicorn by itself does not do: floods that delay nobody, closes that are last, heads that are answered."""

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports import uvicorn
from pattern_stack.atoms.broadcast.transports.first_bytes import FirstBytes
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.log_every import LogEvery
from tests.support.bystander import undisturbed
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.raw import Raw
from tests.support.server import serving, serving_backend, until


@pytest.mark.parametrize("opcode", [0x9, 0xA, 0x1, 0x0], ids=["pings", "pongs", "messages", "fragments"])
async def test_a_flood_of_frames_is_ended(backend: WebSocketBroadcastBackend, opcode: int) -> None:
    with serving_backend(backend) as server:

        def flood() -> int:
            raw = Raw(server.port)
            start = raw.frame(0x1, b"{", fin=False) if opcode == 0 else b""
            one = raw.frame(opcode, b"" if opcode else b" ", fin=bool(opcode))
            with raw.socket, suppress(ConnectionError):
                raw.socket.sendall(start + one * 300_000)
                return raw.close_code()
            return 1006

        async with undisturbed(backend, server.url):
            assert await asyncio.to_thread(flood) in (1008, 1006)


async def test_nothing_follows_a_close(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:

        def leave() -> bytes:
            raw = Raw(server.port)
            raw.text({"subscribe": ["a"], "id": 1})
            raw.message()
            server.call(lambda: close_amid_a_turn(raw))
            while raw.read_frame()[0] != 8:
                pass
            rest = raw._buffer
            while data := raw.socket.recv(1_000):
                rest += data
            raw.socket.close()
            return rest

        def close_amid_a_turn(raw: Raw) -> Any:
            raw.socket.sendall(raw.frame(8, b"\x03\xe8"))
            return backend.broadcast("a", "x", {})

        for _ in range(20):
            assert await asyncio.to_thread(leave) == b""


@pytest.mark.lanes("fast", "direct")
async def test_a_connection_that_cannot_be_opened_is_closed(backend: WebSocketBroadcastBackend) -> None:
    async def handler(event_type: str, payload: dict[str, Any]) -> None: ...

    app = FastAPI()
    app.include_router(backend.get_router())
    with serving(app, lifespan="off") as server:
        subscription = await backend.subscribe("a", handler)  # the hub is this loop's now
        async with subscription, client(server.url) as one:
            assert (await one.closed())[0] == 1006
        async with client(server.url) as one:
            await one.subscribe("a")


async def test_a_peer_that_says_nothing_any_more_and_reads_nothing_is_given_up(
    backend: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pattern_stack.atoms.broadcast.transports.socket._CLOSE_SECONDS", 0.1)

    async def leave_some_unsent(transport: SocketTransport) -> None:
        """Less than what pauses the outbox, so that nothing else looks after it."""
        while not transport._transport.get_write_buffer_size():
            await backend.broadcast("a", "x", {"x": "x" * 8_000})
            await asyncio.sleep(0)

    with serving_backend(backend) as server:
        raw = await asyncio.to_thread(Raw, server.port, receive_buffer=4_096)
        raw.text({"subscribe": ["a"]})
        await until(server, lambda: backend.get_subscriber_count("a") == 1)
        (transport,) = server.server_state.connections
        await server.acall(lambda: leave_some_unsent(transport))
        raw.socket.shutdown(socket.SHUT_WR)
        await until(server, lambda: not server.server_state.connections)
        assert backend.get_total_connections() == 0
        raw.socket.close()


HEADS = {
    "a long line": f"Cookie: {'x' * 9_000}\r\n",
    "many headers": "".join(f"X-{n}: 1\r\n" for n in range(200)),
}


@pytest.mark.lanes("fast", "direct")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_that_is_too_long_is_answered_and_logged(
    backend: WebSocketBroadcastBackend, head: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn, "_heads", LogEvery(logging.getLogger(uvicorn.__name__)))
    with serving_backend(backend) as server:
        for _ in range(3):
            raw = Raw(server.port, headers=head)
            assert raw.response.startswith(b"HTTP/1.1 431")
            assert raw.socket.recv(1) == b""
            raw.socket.close()
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("refused a WebSocket handshake with 431 Request Header Fields Too Large: ")


HTTP = {"httptools": "httptools", "h11": "h11", "pattern-stack serve": FirstBytes}


@pytest.mark.lanes("fast", "direct")
@pytest.mark.parametrize("http", HTTP.values(), ids=HTTP)
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_frames_in_the_same_piece_as_the_head_are_read(
    backend: WebSocketBroadcastBackend, http: Any, loop: str
) -> None:
    padding = b'{"ping": 1, "padding": "%b"}' % (b"x" * 60_000)
    frames = [b'{"subscribe": ["a"], "id": 1}', padding, padding, b'{"ping": 2}']
    with serving_backend(backend, config={"http": http, "loop": loop}) as server:
        raw = Raw(server.port, behind=b"".join(Raw.frame(1, frame) for frame in frames))
        assert "subscribed" in raw.message()
        assert [raw.message()["pong"] for _ in range(3)] == [1, 1, 2]
        raw.socket.close()


EARLY = {"unmasked": b"\x81\x02{}", "not UTF-8": b"\x81\x81\0\0\0\0\xff", "reserved": b"\x83\x80\0\0\0\0"}


@pytest.mark.lanes("fast", "direct")
@pytest.mark.parametrize("early", EARLY.values(), ids=EARLY)
def test_bytes_that_come_before_the_accept_wait_for_it(
    backend: WebSocketBroadcastBackend, early: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    asked, gate = threading.Event(), threading.Event()

    def authenticate() -> str:
        asked.set()
        gate.wait(PATIENCE)
        return "ann"

    with serving_backend(backend, authenticate=authenticate) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
            peer.sendall(
                f"GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            assert asked.wait(PATIENCE)
            peer.sendall(early)
            gate.set()
            answer = b""
            while data := peer.recv(4_096):
                answer += data
            assert answer.startswith(b"HTTP/1.1 101")
            assert answer.partition(b"\r\n\r\n")[2][:1] == b"\x88"
        assert backend.get_total_connections() == 0
    assert not caplog.records
