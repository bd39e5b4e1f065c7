"""The slow and the dead harm nobody."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import quantiles

import psutil
import pytest

from pattern_stack import History, Limits, WebSocketBroadcastBackend
from tests.contract.conftest import Make
from tests.support.client import client
from tests.support.proxy import proxy
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until

CLIENTS = 200
EVENTS = 50
OUTBOX = 300_000
PADDING = "x" * 50_000
PINGS = {"ws_ping_interval": 2.0, "ws_ping_timeout": 3.0}


class Crowd:
    """Clients that read all the time and note how long each event took to reach them."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server) -> None:
        self.backend = backend
        self.server = server
        self.latencies: list[float] = []
        self._marks: asyncio.Queue[None] = asyncio.Queue()

    async def member(self, ready: asyncio.Barrier) -> None:
        async with client(self.server.url) as one:
            await one.subscribe("slow")
            await ready.wait()
            while True:
                event = json.loads(await one.socket.recv())
                if event["event"] == "end":
                    return
                if event["event"] == "mark":
                    self._marks.put_nowait(None)
                elif "at" in event["payload"]:
                    self.latencies.append(time.perf_counter() - event["payload"]["at"])

    async def p99(self) -> float:
        """Of one round of events, in seconds."""
        self.latencies.clear()

        async def publish() -> None:
            for _ in range(EVENTS):
                await self.backend.broadcast("slow", "e", {"at": time.perf_counter(), "padding": "x" * 1_000})
                await asyncio.sleep(0.02)  # the load, not a wait
            await self.backend.broadcast("slow", "mark", {})

        await self.server.acall(publish)
        for _ in range(CLIENTS):
            await self._marks.get()
        assert len(self.latencies) == CLIENTS * EVENTS
        return quantiles(self.latencies, n=100)[98]


def stuck(server: Server) -> tuple[Raw, dict[str, object]]:
    """A subscriber that does not read, on the smallest buffers the kernel gives; and its position."""
    server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # of connections to come
    raw = Raw(server.port, receive_buffer=4_096)
    raw.text({"subscribe": ["slow"], "id": 1})
    return raw, raw.message()["subscribed"]["slow"]


@asynccontextmanager
async def crowd(backend: WebSocketBroadcastBackend, server: Server) -> AsyncIterator[Crowd]:
    """All are subscribed within the block; after it nothing of whoever else was there may be left."""
    crowd = Crowd(backend, server)
    ready = asyncio.Barrier(CLIENTS + 1)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            tasks.create_task(crowd.member(ready))
        await ready.wait()
        fds, running = psutil.Process().num_fds(), await server.acall(lambda: len(asyncio.all_tasks()))
        yield crowd
        await until(server, lambda: backend.get_subscriber_count("slow") == CLIENTS)
        await until(server, lambda: len(asyncio.all_tasks()) <= running + 1)
        await until(server, lambda: psutil.Process().num_fds() <= fds)
        await backend.broadcast("slow", "end", {})


async def undisturbed(crowd: Crowd, alone: float) -> None:
    """The machine has its own moods; a delay that somebody causes is there each time."""
    ratios = []
    for _ in range(5):
        ratios.append(await crowd.p99() / alone)
        if ratios[-1] < 2:
            return
    raise AssertionError(ratios)


@pytest.mark.alone
async def test_one_that_stops_reading_slows_nobody_down_and_recovers(make_backend: Make) -> None:
    backend = make_backend(limits=Limits(outbox_bytes=OUTBOX), history=History(events=10_000))
    with serving_backend(backend, config={"ws_ping_interval": None}) as server:
        async with crowd(backend, server) as others:
            alone = await others.p99()
            slow, left_at = await asyncio.to_thread(stuck, server)
            await undisturbed(others, alone)
            assert await server.acall(lambda: stuff(backend)) <= OUTBOX + 2 * len(PADDING)
            await asyncio.to_thread(recovers, server, slow, left_at)


@pytest.mark.alone
async def test_one_that_is_cut_off_slows_nobody_down_and_is_gone(make_backend: Make) -> None:
    backend = make_backend()
    with serving_backend(backend, config=PINGS) as server:
        async with crowd(backend, server) as others:
            alone = await others.p99()
            async with proxy(server.port) as line:
                url = f"ws://127.0.0.1:{line.port}/ws/broadcast"
                async with client(url, ping_interval=None) as dead:
                    await dead.subscribe("slow")
                    line.swallow()
                    await undisturbed(others, alone)
                    await until(server, lambda: backend.get_total_connections() == CLIENTS)  # its pings ran out
                    dead.cut()


async def stuff(backend: WebSocketBroadcastBackend) -> int:
    """Publish until the one that does not read has been given up; the most that ever waited for one connection."""
    worst, before = 0, len(backend._instance.connections.closing)
    while len(backend._instance.connections.closing) == before:
        await backend.broadcast("slow", "padding", {"padding": PADDING})
        worst = max([worst, *(connection.outbox.waiting for connection in backend._instance.connections.open)])
        await asyncio.sleep(0.002)  # time for those that do read
    return worst


def recovers(server: Server, slow: Raw, left_at: dict[str, object]) -> None:
    """It reads at last: what was sent, 4408; and gets the rest when it comes back."""
    offset = left_at["offset"]
    while True:
        opcode, data = slow.read_frame()
        if opcode == 8:
            assert int.from_bytes(data[:2], "big") == 4408
            break
        if opcode == 1:
            offset = json.loads(data)["offset"]
    slow.socket.close()
    again = Raw(server.port)
    again.text({"subscribe": ["slow"], "since": {"slow": {"epoch": left_at["epoch"], "offset": offset}}, "id": 2})
    told = again.message()["subscribed"]["slow"]
    assert told["recovered"] is True
    assert told["offset"] == offset
    assert again.message()["offset"] == offset + 1
    again.socket.close()


async def test_a_dead_one_with_a_full_buffer_is_gone_though_its_outbox_is_not_full(make_backend: Make) -> None:
    """A server's pings do not end it: their close waits behind what the peer does not take."""
    backend = make_backend(limits=Limits(stalled_seconds=0.5, outbox_bytes=10_000_000))
    with serving_backend(backend, config={"ws_ping_interval": None}) as server:
        raw, _ = await asyncio.to_thread(stuck, server)
        while not await server.acall(lambda: any(one.outbox.waiting for one in backend._instance.connections.open)):
            await backend.broadcast("slow", "padding", {"padding": PADDING})
        await until(server, lambda: backend.get_total_connections() == 0)
        raw.socket.close()
