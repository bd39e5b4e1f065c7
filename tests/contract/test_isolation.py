"""A client that does not read holds up nobody.

The tests publish in lock-step: the next event when every healthy client has the last one. A server that waits for the stuck
client hangs, on a fast machine and on a slow one.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import psutil

from pattern_stack import History, Limits, WebSocketBroadcastBackend
from tests.contract.conftest import IN_PAIRS, Make
from tests.support.client import Client, client
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until

HEALTHY = 20
ROUNDS = 30
OUTBOX = 300_000
PADDING = "x" * 50_000


class Neighbours:
    """Healthy clients on the channel."""

    def __init__(self, backend: WebSocketBroadcastBackend, clients: list[Client]) -> None:
        self._backend = backend
        self._clients = clients

    async def step(self, **payload: Any) -> None:
        """Publish one event, and wait until every client has it."""
        event = await self._backend.broadcast("slow", "e", payload)
        for got in await asyncio.gather(*(one.event() for one in self._clients)):
            assert got["offset"] == event.offset


@asynccontextmanager
async def neighbours(backend: WebSocketBroadcastBackend, server: Server) -> AsyncIterator[Neighbours]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client(server.url)) for _ in range(HEALTHY)]
        for one in clients:
            await one.subscribe("slow")
        yield Neighbours(backend, clients)


class Stuck:
    """A subscriber that does not read, with the smallest buffers of the kernel. It has to be the first connection."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server) -> None:
        self._server = server
        server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # inherited by accepted sockets
        self.raw = Raw(server.port, receive_buffer=4_096)
        self.raw.text({"subscribe": ["slow"], "id": 1})
        self.joined_at = self.raw.message()["subscribed"]["slow"]
        (self._connection,) = backend._instance.connections.open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.socket.close()

    async def waiting(self) -> int:
        """Bytes of events in its outbox."""
        return await self._server.acall(lambda: self._connection.outbox.waiting)

    @property
    def is_closed(self) -> bool:
        return self._connection.closed


async def used(server: Server) -> tuple[int, int]:
    """How many tasks and open files there are."""
    return await server.acall(lambda: (len(asyncio.all_tasks()), psutil.Process().num_fds()))


@IN_PAIRS
async def test_a_client_that_stops_reading_holds_up_nobody_and_recovers(make_backend: Make) -> None:
    backend = make_backend(limits=Limits(outbox_bytes=OUTBOX), history=History(events=10_000))
    with serving_backend(backend) as server:
        async with neighbours(backend, server):
            pass  # the first connections start tasks that the backend keeps
        await until(server, lambda: not backend.get_total_connections())
        tasks, files = await used(server)
        with await asyncio.to_thread(Stuck, backend, server) as slow:
            async with neighbours(backend, server) as others:
                await run_in_lock_step(others, slow)
            await asyncio.to_thread(recovers, server, slow)
        await until(server, lambda: len(asyncio.all_tasks()) <= tasks)
        await until(server, lambda: psutil.Process().num_fds() <= files)


async def run_in_lock_step(others: Neighbours, slow: Stuck) -> None:
    """The healthy clients get every event, until the server closes the stuck one."""
    while not await slow.waiting():
        await others.step(padding=PADDING)
    for _ in range(ROUNDS):
        before = await slow.waiting()
        await others.step()
        assert await slow.waiting() > before
    while not slow.is_closed:
        await others.step(padding=PADDING)
        assert await slow.waiting() <= OUTBOX + 2 * len(PADDING)


def recovers(server: Server, slow: Stuck) -> None:
    """The stuck client reads what was sent, and the close code 4408. Then it connects again and gets the rest."""
    epoch, offset = slow.joined_at["epoch"], slow.joined_at["offset"]
    while True:
        opcode, data = slow.raw.read_frame()
        if opcode == 8:
            assert int.from_bytes(data[:2], "big") == 4408
            break
        if opcode == 1:
            offset = json.loads(data)["offset"]
    again = Raw(server.port)
    again.text({"subscribe": ["slow"], "since": {"slow": {"epoch": epoch, "offset": offset}}, "id": 2})
    told = again.message()["subscribed"]["slow"]
    assert told["recovered"] is True
    assert told["offset"] == offset
    assert again.message()["offset"] == offset + 1
    again.socket.close()


@IN_PAIRS
async def test_a_stalled_client_is_dropped_before_its_outbox_is_full(make_backend: Make) -> None:
    """Pings alone do not end it: their close frame waits behind what the peer does not read."""
    backend = make_backend(limits=Limits(stalled_seconds=0.5, outbox_bytes=10_000_000))
    with serving_backend(backend) as server, await asyncio.to_thread(Stuck, backend, server) as slow:
        while not await slow.waiting():
            await backend.broadcast("slow", "padding", {"padding": PADDING})
        await until(server, lambda: backend.get_total_connections() == 0)
