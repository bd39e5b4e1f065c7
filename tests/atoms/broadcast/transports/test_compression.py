"""permessage-deflate: where the application wants it and the client offers it, each message compressed once for all."""

import zlib
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.websocket import frames as frame
from pattern_stack.atoms.broadcast.websocket.deflate import deflate
from pattern_stack.atoms.broadcast.websocket.reader import FrameReader
from tests.support.client import Client, client
from tests.support.raw import Raw
from tests.support.server import serving_backend

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
LONG = {"text": "abc " * 250}


def extensions(socket: ClientConnection) -> list[str]:
    return [extension.name for extension in socket.protocol.extensions]


@pytest.mark.lanes("fast", "direct")
async def test_clients_with_and_without_it_get_the_same(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend, compress=True) as server:
        async with connect(server.url, compression="deflate") as socket, client(server.url, compression=None) as plain:
            assert extensions(socket) == ["permessage-deflate"]
            deflating = Client(socket)
            for one in (deflating, plain):
                await one.subscribe("a")
            for payload in (LONG, {}, LONG):
                await backend.broadcast("a", "x", payload)
            await backend.broadcast_many([("a", "y", LONG), ("a", "y", {})])
            assert await deflating.take(5) == await plain.take(5)
            await deflating.ask({"ping": "x" * 60, "ignored": "y" * 1_000})  # the client's own are compressed too


@pytest.mark.lanes("fast", "direct")
async def test_a_client_that_names_the_whole_window_gets_it(backend: WebSocketBroadcastBackend) -> None:
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=15)
    with serving_backend(backend, compress=True) as server:
        async with connect(server.url, compression=None, extensions=[offer]) as socket:
            assert extensions(socket) == ["permessage-deflate"]
            one = Client(socket)
            await one.subscribe("a")
            await backend.broadcast("a", "x", LONG)
            assert (await one.event())["payload"] == LONG


@pytest.mark.lanes("fast", "direct")
async def test_it_is_off_where_nobody_asked(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:
        async with connect(server.url, compression="deflate") as socket:
            assert extensions(socket) == []
    with serving_backend(backend, compress=True) as server:
        raw = Raw(server.port)
        raw.socket.close()
        assert b"extensions" not in raw.response.lower()


def next_message(raw: Raw) -> tuple[int, bytes]:
    """First byte and data of the next frame."""
    first, second = raw._take(2)
    length = second if second < 126 else int.from_bytes(raw._take(2))
    return first, raw._take(length)


def test_each_event_is_compressed_once(backend: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[bytes] = []

    def deflate(data: bytes) -> bytes | None:
        compressed.append(data)
        return original(data)

    original = frame.deflate
    monkeypatch.setattr(frame, "deflate", deflate)
    with serving_backend(backend, compress=True) as server:
        raws = [Raw(server.port, headers=OFFER) for _ in range(20)]
        for raw in raws:
            raw.text({"subscribe": ["a"], "id": 1})
            next_message(raw)
        compressed.clear()
        server.call(lambda: backend.broadcast("a", "x", LONG))
        got = [next_message(raw) for raw in raws]
        for raw in raws:
            raw.socket.close()
    assert len(compressed) == 1
    first, data = got[0]
    assert got == [(first, data)] * 20
    assert first == 0xC1
    assert len(data) < 200
    assert zlib.decompressobj(wbits=-15).decompress(data + b"\0\0\xff\xff") == compressed[0]


BOMB = zlib.compressobj(wbits=-15)
BAD: dict[str, tuple[bytes, int]] = {
    "a bomb": (BOMB.compress(b" " * 10_000_000) + BOMB.flush(zlib.Z_SYNC_FLUSH), 1009),
    "no deflate data": (b"\xff" * 10, 1007),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD)
def test_what_cannot_be_inflated_closes(backend: WebSocketBroadcastBackend, data: bytes, code: int) -> None:
    with serving_backend(backend, compress=True) as server:
        raw = Raw(server.port, headers=OFFER)
        raw.socket.sendall(raw.frame(0x41, data))
        assert raw.close_code() == code
        raw.socket.close()


def test_a_replay_is_compressed_too(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend, compress=True) as server:
        events: list[Any] = [server.call(lambda: backend.broadcast("a", "x", LONG)) for _ in range(3)]
        raw = Raw(server.port, headers=OFFER)
        since = {"a": {"epoch": events[0].epoch, "offset": events[0].offset}}
        raw.text({"subscribe": ["a"], "since": since})
        assert [next_message(raw)[0] for _ in range(2)] == [0xC1] * 2
        raw.socket.close()


def test_small_messages_that_inflate_to_long_ones_are_few_a_turn(
    backend: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = deflate(b'{"ping": 1, "x": [' + b"[]," * 20_000 + b"1]}")
    assert short is not None
    turns: list[int] = []
    feed = FrameReader.feed

    def count(inbound: FrameReader, data: bytes) -> list[tuple[int, bytes]]:
        ready = feed(inbound, data)
        turns.append(len(ready))
        return ready

    monkeypatch.setattr(FrameReader, "feed", count)
    with serving_backend(backend, compress=True) as server:
        raw = Raw(server.port, headers=OFFER)
        raw.socket.sendall(raw.frame(0x41, short) * 20 + raw.frame(8, b"\x03\xe8"))
        assert raw.close_code() == 1000
        raw.socket.close()
    assert sum(turns) == 21
    assert max(turns) <= 2
