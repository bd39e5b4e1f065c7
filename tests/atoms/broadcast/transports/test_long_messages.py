"""Snapshots of megabytes: what clients have in common is held once, and written as they take it."""

import asyncio
import json
import socket
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest

from pattern_stack import Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast import Shared
from pattern_stack.atoms.broadcast.core.event import Position, encode_snapshot
from pattern_stack.atoms.broadcast.websocket.deflate import inflate
from pattern_stack.atoms.broadcast.websocket.frames import Batch
from tests.support.client import client
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until
from tests.support.stream import stream
from tests.support.watched import Watched

MIB = 1_048_576
GRAPH = ["é" * 1_000] * 8_000
SHARED = Shared(json.dumps(GRAPH, ensure_ascii=False).encode())
"""16 MB, with characters of two bytes, which end in the midst of fragments."""
ROOM = "room:7"


def rooms() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend()
    Watched(backend, snapshot=lambda connection, name: {"connection_id": connection.id, "graph": SHARED, "n": None})
    return backend


async def silent(server: Server) -> Raw:
    """A client that has asked for the snapshot and reads nothing."""
    one = await asyncio.to_thread(Raw, server.port, receive_buffer=4_096)
    one.text({"subscribe": [ROOM]})
    return one


def silent_stream(server: Server) -> socket.socket:
    """The same over HTTP."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.connect(("127.0.0.1", server.port))
    one.sendall(f"GET /sse/broadcast?channel={ROOM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return one


def blocked(backend: WebSocketBroadcastBackend, count: int) -> Any:
    return lambda: sum(one.outbox.blocked for one in backend._instance.connections.open) == count


def read(one: Raw) -> dict[str, Any]:
    message = one.message()
    assert message["payload"].pop("graph") == GRAPH
    payload: dict[str, Any] = message["payload"]
    return payload


async def test_ten_silent_sockets_and_ten_streams_hold_it_once() -> None:
    backend = rooms()
    with serving_backend(backend) as server:
        warm = await silent(server)
        await until(server, blocked(backend, 1))
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            crowd = [await silent(server) for _ in range(10)]
            streams = [silent_stream(server) for _ in range(10)]
            await until(server, blocked(backend, 21))
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held - before < 8 * MIB
        assert most - before < 8 * MIB
        for each in streams:
            each.close()
        payloads = [await asyncio.to_thread(read, one) for one in (warm, *crowd[:3])]
        assert len({payload["connection_id"] for payload in payloads}) == 4
        assert all(payload["n"] is None for payload in payloads)
        for one in (warm, *crowd):
            one.socket.close()


async def test_what_comes_meanwhile_follows_it_and_pings_are_answered_within_it() -> None:
    backend = rooms()
    with serving_backend(backend) as server:
        one = await silent(server)
        await until(server, blocked(backend, 1))
        await backend.broadcast(ROOM, "later", {})
        assert (await asyncio.to_thread(read, one))["n"] is None
        assert (await asyncio.to_thread(one.message))["event"] == "later"
        one.socket.close()


async def test_a_stream_gets_the_same() -> None:
    backend = rooms()
    with serving_backend(backend) as server:
        async with stream(server.http, ROOM) as one:
            assert "subscribed" in await one.receive()
            assert (await one.receive())["payload"]["graph"] == GRAPH
            await backend.broadcast(ROOM, "later", {})
            assert (await one.receive())["event"] == "later"


async def test_who_is_disconnected_in_the_midst_of_it_is_told_why() -> None:
    backend = rooms()
    with serving_backend(backend, authenticate=lambda: "ann") as server:
        one = await silent(server)
        await until(server, blocked(backend, 1))
        await backend.disconnect("ann")
        assert await asyncio.to_thread(one.close_code) == 4403
        one.socket.close()


async def test_who_asked_for_compression_gets_it_compressed() -> None:
    backend = rooms()
    with serving_backend(backend, compress=True) as server:
        async with client(server.url, compression="deflate") as one:
            await one.subscribe(ROOM)
            assert (await one.event())["payload"]["graph"] == GRAPH


@pytest.mark.parametrize("state", [{}, {"a": {"b": {}, "timestamp": "x"}}, {"a": 1, "b": None}])
@pytest.mark.parametrize("values", [{"x": [1]}, {"x": [1], 'a "name"': {"timestamp": "y"}}])
def test_the_parts_are_one_message(state: dict[str, Any], values: dict[str, Any]) -> None:
    shared = {name: Shared(json.dumps(value).encode()) for name, value in values.items()}
    event = encode_snapshot("a", {**state, **shared}, Position("k", 7), Limits())
    message = json.loads(event.data)
    assert message["payload"] == {**state, **values}
    assert (message["offset"], event.position, event.payload) == (7, Position("k", 7), message["payload"])
    assert event.size == len(event.data)
    assert json.loads(event.text) == message
    batch = Batch([event])
    assert data_of(batch.fragments(False), 0x01) == event.data
    assert json.loads(inflate(data_of(batch.fragments(True), 0x41), MIB)) == message


def data_of(fragments: Iterable[bytes], first: int) -> bytes:
    """What a message's fragments carry."""
    frames = list(fragments)
    heads = [frame[0] for frame in frames]
    assert heads == [first, *[0] * (len(frames) - 2), 0x80]
    return b"".join(frame[{126: 4, 127: 10}.get(frame[1], 2) :] for frame in frames)
