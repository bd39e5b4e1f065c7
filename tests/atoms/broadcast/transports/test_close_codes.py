"""How connections end: the code that a client learns, whatever it did to deserve it."""

import asyncio
import json
import logging
import re
import threading
from collections.abc import AsyncIterator

import pytest

from pattern_stack import Channel, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from tests.support.bystander import undisturbed
from tests.support.client import Client, client
from tests.support.patience import PATIENCE
from tests.support.proxy import proxy
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until

pytestmark = pytest.mark.lanes("slow", "fast")

backend = WebSocketBroadcastBackend()
gone = threading.Event()
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MORE = True
PINGS = {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.5}
Part = tuple[int, bytes] | tuple[int, bytes, bool]
"""A frame's opcode and data, and MORE where its message goes on."""


@backend.channel("watched")
class Watched(Channel):
    async def left(self, connection: ClientConnection) -> None:
        gone.set()


@backend.channel("waiting")
class Waiting(Channel):
    async def authorize(self, connection: ClientConnection) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def raw(server: Server) -> AsyncIterator[Raw]:
    async with undisturbed(backend, server.url):
        raw = Raw(server.port)
        with raw.socket:
            yield raw
        assert backend.get_total_connections() == 1


def encoded(raw: Raw, what: bytes | list[Part]) -> bytes:
    if isinstance(what, bytes):
        return what
    return b"".join(raw.frame(opcode, data, fin=not more) for opcode, data, *more in what)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_the_clients_own_close_is_echoed(one: Client, code: int) -> None:
    await one.subscribe("orders")
    await one.socket.close(code, "bye")
    assert await one.closed() == (code, "bye")
    assert backend.get_subscriber_count("orders") == 0


def test_a_close_without_a_code_is_echoed(raw: Raw) -> None:
    raw.socket.sendall(raw.frame(CLOSE, b""))
    assert raw.close_code() == 1005


NOT_WEBSOCKET: dict[str, bytes | list[Part]] = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "zeros": bytes(100),
    "unmasked text": b'\x81\x0b{"ping": 1}',
    "unmasked ping": b"\x89\x00",
    **{f"reserved bit {bit}": [(TEXT | 0x80 >> bit, b'{"ping": 1}')] for bit in (1, 2, 3)},
    **{f"reserved opcode {code}": [(code, b"x")] for code in (*range(3, 8), *range(11, 16))},
    "continuation of nothing": [(CONTINUATION, b"x")],
    "text within a message": [(TEXT, b"{", MORE), (TEXT, b"}")],
    "binary within a message": [(TEXT, b"{", MORE), (BINARY, b"}")],
    "fragmented ping": [(PING, b"x", MORE)],
    "long ping": [(PING, bytes(126))],
    "close of one byte": [(CLOSE, b"\x03")],
    **{f"close with {code}": [(CLOSE, code.to_bytes(2))] for code in (0, 999, 1005, 1006, 1015, 2999, 5000)},
}


@pytest.mark.parametrize("what", NOT_WEBSOCKET.values(), ids=NOT_WEBSOCKET)
def test_bytes_that_are_not_websocket(raw: Raw, what: bytes | list[Part]) -> None:
    raw.socket.sendall(encoded(raw, what))
    assert raw.close_code() == 1002


@pytest.mark.lanes("fast")  # websockets, which uvicorn uses by itself, answers 1002
def test_a_close_between_fragments_is_echoed(raw: Raw) -> None:
    raw.socket.sendall(encoded(raw, [(TEXT, b"{", MORE), (CLOSE, b"\x03\xe8")]))
    assert raw.close_code() == 1000


NOT_UTF8: dict[str, list[Part]] = {
    "a byte": [(TEXT, b'{"ping": "\xff"}')],
    "overlong": [(TEXT, b"\xc0\xaf")],
    "surrogate": [(TEXT, b"\xed\xa0\x80")],
    "beyond Unicode": [(TEXT, b"\xf4\x90\x80\x80")],
    "cut off": [(TEXT, b"\xe2\x82")],
    "in a fragment": [(TEXT, b"{", MORE), (CONTINUATION, b"\xff", MORE), (CONTINUATION, b"}")],
    "in a close's reason": [(CLOSE, b"\x03\xe8\xff")],
}


@pytest.mark.parametrize("what", NOT_UTF8.values(), ids=NOT_UTF8)
def test_text_that_is_not_utf8(raw: Raw, what: list[Part]) -> None:
    raw.socket.sendall(encoded(raw, what))
    assert raw.close_code() == 1007


@pytest.mark.lanes("fast")
def test_text_that_is_not_utf8_with_a_close_behind_it(raw: Raw) -> None:
    raw.socket.sendall(encoded(raw, [(TEXT, b"\xff"), (CLOSE, b"\x03\xe8")]))
    assert raw.close_code() == 1007


def test_a_character_may_be_cut_by_fragments_with_control_frames_between(raw: Raw) -> None:
    head, tail = (TEXT, b'{"ping": "\xc3', MORE), (CONTINUATION, b'\xa9"}')
    raw.socket.sendall(encoded(raw, [head, (PING, b"?"), (PONG, b"!"), tail]))
    assert raw.read_frame() == (PONG, b"?")
    assert raw.message()["pong"] == "\u00e9"
    raw.socket.sendall(raw.frame(CLOSE, b"\x03\xe8"))
    assert raw.close_code() == 1000


TO_THE_END: dict[int, list[Part]] = {
    1002: [(3, b"reserved")],
    1007: [(TEXT, b"\xff")],
    1008: [(TEXT, b"{")] * 20,
    1009: [(TEXT, bytes(20_000_000))],
}


@pytest.mark.lanes("fast")  # uvicorn by itself closes over what it has not read, and the kernel resets it for that
@pytest.mark.parametrize("code", TO_THE_END)
def test_a_client_that_writes_on_learns_why_it_was_closed(raw: Raw, code: int) -> None:
    raw.socket.sendall(encoded(raw, TO_THE_END[code]))
    raw.socket.sendall(raw.frame(TEXT, b'{"ping": 1}') * 50_000)
    assert raw.close_code() == code


def test_bad_bytes_while_answers_wait_are_no_error_of_the_server(raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    raw.text({"subscribe": ["orders"], "id": 1})
    assert raw.message()["id"] == 1
    raw.text({"subscribe": ["waiting"]})
    raw.socket.sendall(raw.frame(TEXT, b'{"ping": 1}') * 16)  # as many as may wait for a hook
    raw.socket.sendall(raw.frame(3, b"reserved"))
    assert raw.read_frame()[0] == CLOSE
    backend.broadcast_sync("orders", "created", {})
    assert backend.get_subscriber_count("orders") == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_flood_ends_with_1008_and_delays_nobody(server: Server) -> None:
    def flood() -> tuple[list[str], int]:
        raw = Raw(server.port)
        with raw.socket:
            raw.socket.sendall(raw.frame(TEXT, b'{"ping": 1, "id": 2}') * 100_000)
            answers = []
            while (frame := raw.read_frame())[0] == TEXT:
                answer = json.loads(frame[1])
                assert answer.pop("id") == 2
                answers.append(answer["error"]["code"] if "error" in answer else "pong")
            assert frame[0] == CLOSE
            raw.socket.sendall(raw.frame(CLOSE, frame[1][:2]))
            return answers, int.from_bytes(frame[1][:2])

    async with client(server.url) as other:
        await other.subscribe("orders")
        flooding = asyncio.create_task(asyncio.to_thread(flood))
        while not flooding.done():
            event = await backend.broadcast("orders", "created", {})
            assert (await other.event())["offset"] == event.offset
        answers, code = await flooding
        assert code == 1008
        assert answers[:200] == ["pong"] * 200
        assert answers.count("rate_limited") == 20 == len(answers) - answers.count("pong")
        await other.nothing_more()


async def test_a_stopping_server_closes_with_1012() -> None:
    with serving_backend(WebSocketBroadcastBackend()) as server:
        async with client(server.url) as one, client(server.url) as two:
            server.should_exit = True
            assert [(await each.closed())[0] for each in (one, two)] == [1012, 1012]


async def test_a_closing_backend_tells_when_to_come_back() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            closing = asyncio.create_task(backend.close())
            code, reason = await one.closed()
            await closing
        assert code == 1012
        assert re.fullmatch(r"retry-after=\d+\.\d", reason)


async def test_a_disconnected_user_is_told_with_4403() -> None:
    def authenticate(user: str) -> str:
        return user

    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=authenticate) as server:
        ann, bob = server.url + "?user=ann", server.url + "?user=bob"
        async with undisturbed(backend, bob), client(ann) as one, client(ann) as two:
            await backend.disconnect("ann")
            assert [(await each.closed())[0] for each in (one, two)] == [4403, 4403]
            await backend.disconnect("ann")  # nobody is there


async def test_unanswered_pings_close_with_1011() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config=PINGS) as server:
        raw = await asyncio.to_thread(Raw, server.port)
        with raw.socket:
            assert await asyncio.to_thread(raw.close_code) == 1011


async def test_a_client_that_was_cut_off_is_dropped_after_a_ping() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config=PINGS) as server:
        async with proxy(server.port) as line, client(f"ws://127.0.0.1:{line.port}/ws/broadcast") as dead:
            line.swallow()
            await until(
                server, lambda: not backend._instance.connections.open and not backend._instance.connections.closing
            )
            assert not server.server_state.connections
            dead.cut()


def test_a_broken_connection_is_forgotten(raw: Raw) -> None:
    gone.clear()
    raw.text({"subscribe": ["watched"], "id": 1})
    assert raw.message()["id"] == 1
    raw.reset()
    assert gone.wait(PATIENCE)
    assert backend.get_subscriber_count("watched") == 0
