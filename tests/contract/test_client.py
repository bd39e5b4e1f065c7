"""The client in Python keeps the contract over a network that cuts and stalls, by WebSocket and by HTTP."""

import asyncio
import time
from typing import Any

import pytest

from pattern_stack import (
    BroadcastBackend,
    Event,
    Identity,
    Limits,
    Position,
    Unauthenticated,
    WebSocketBroadcastBackend,
    testing,
)
from pattern_stack.atoms.broadcast.backends.bridges import bridge_from_url
from pattern_stack.client import BroadcastClient, Reset
from tests.contract.checker import Log, Reader, judge
from tests.contract.conftest import World
from tests.support.instances import instances
from tests.support.proxy import Proxy, proxy
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving_backend, until

CHANNELS = ["one", "two"]
EVENTS = 240


async def follow(client: BroadcastClient, reader: Reader, log: Log, since: Any) -> None:
    async for one in client.listen(reader.channel, since, resets="yield"):
        if isinstance(one, Reset):
            log.reset(reader, one.position._asdict())
        else:
            log.delivered(reader, one.offset, one.payload["key"])
            if one.event_type == "last":
                return


async def publish(world: World, log: Log, line: Proxy) -> dict[str, Event]:
    last: dict[str, Event] = {}
    for n in range(EVENTS):
        channel, began = CHANNELS[n % 2], log.tick()
        kind = "last" if n >= EVENTS - 2 else "e"
        last[channel] = await world.backend.broadcast(channel, kind, {"key": f"{n}"})
        log.publish(channel, f"{n}", began, last[channel].position)
        if n % 40 == 20:
            line.hold()
        if n % 40 == 30:
            line.cut()
            await line.restore()
    return last


@pytest.mark.parametrize("way", ["socket", "stream"])
async def test_a_client_loses_nothing(world: World, way: str) -> None:
    log = Log()
    async with proxy(world.server.port) as line:
        path = "/ws/broadcast" if way == "socket" else "/blocked"
        lane = f"http://127.0.0.1:{line.port}/sse/broadcast"
        async with BroadcastClient(f"ws://127.0.0.1:{line.port}{path}", sse=lane) as client:
            following = []
            for channel in CHANNELS * 2:
                position = await world.backend.position(channel)
                reader = log.reader(channel)
                log.subscribed(reader, position._asdict(), None)
                following.append(asyncio.create_task(follow(client, reader, log, position)))
            last = await publish(world, log, line)
            await asyncio.gather(*following)
    judge(log, {channel: event.position for channel, event in last.items()})


def client_over(line: Proxy, way: str, **options: Any) -> BroadcastClient:
    path = "/ws/broadcast" if way == "socket" else "/blocked"
    lane = f"http://127.0.0.1:{line.port}/sse/broadcast"
    return BroadcastClient(f"ws://127.0.0.1:{line.port}{path}", sse=lane, **options)


class Trial:
    """Followers of one channel, what is published there, and what befalls them."""

    def __init__(self) -> None:
        self.log = Log()
        self._following: list[asyncio.Task[None]] = []
        self._count = 0

    def follow(self, client: BroadcastClient, position: Position) -> None:
        reader = self.log.reader("one")
        self.log.subscribed(reader, position._asdict(), None)
        self._following.append(asyncio.create_task(follow(client, reader, self.log, position)))

    async def publish(self, backend: BroadcastBackend, count: int, kind: str = "e", **payload: Any) -> Event:
        for _ in range(count):
            self._count += 1
            began, key = self.log.tick(), f"{self._count}"
            event = await backend.broadcast("one", kind, {**payload, "key": key})
            assert isinstance(event, Event)
            self.log.publish("one", key, began, event.position)
        return event

    async def conclude(self, backend: BroadcastBackend) -> None:
        last = await self.publish(backend, 1, "last")
        await asyncio.gather(*self._following)
        judge(self.log, {"one": last.position})


class Faults(Trial):
    """What ends connections of a server in this process."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server, line: Proxy) -> None:
        super().__init__()
        self.backend = backend
        self.server = server
        self.line = line

    async def cut(self) -> None:
        self.line.cut()

    async def too_slow(self) -> None:
        self.line.hold("down")
        while self.backend.get_subscriber_count("one"):
            await self.publish(self.backend, 1, filling="x" * 100_000)
        await self.line.restore()

    async def expired(self) -> None:
        def expire() -> None:
            for one in list(self.backend._instance.connections.open):
                one.identity = Identity("ann", time.time() - 1)
                one.watch_expiry()

        await self.server.acall(expire)

    async def sent_away(self) -> None:
        def drain() -> None:
            for one in list(self.backend._instance.connections.open):
                one.close(1012, "retry-after=0.1")

        await self.server.acall(drain)

    async def reset(self) -> None:
        testing.Faults().reset("one")


def verify(token: str) -> Identity:
    if token == "refused":
        raise Unauthenticated("no such token")
    return Identity("ann")


@pytest.mark.parametrize("way", ["socket", "stream"])
async def test_a_client_outlasts_whatever_ends_its_connections(way: str) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=20_000))
    tokens = (token for n in range(100) for token in (f"token{n}", "refused"))
    with serving_backend(backend, verify_token=verify) as server:
        async with proxy(server.port) as line, client_over(line, way, token=lambda stale: next(tokens)) as client:
            trial = Faults(backend, server, line)
            for _ in range(2):
                trial.follow(client, await backend.position("one"))
            faults = [trial.cut, trial.too_slow, trial.expired, trial.sent_away, trial.reset, trial.cut]
            for fault in faults:
                await until(server, lambda: backend.get_subscriber_count("one") == 2)
                await trial.publish(backend, 10)
                await fault()
                await trial.publish(backend, 10)
            await trial.conclude(backend)
    assert all(reader.resets for reader in trial.log.readers)
    assert {4401, 4408, 1012} <= backend._instance.counters.closes.keys()


async def test_clients_outlast_a_server_that_is_killed(redis_server: RedisServer) -> None:
    outside, trial = bridge_from_url(redis_server.url), Trial()
    with instances(1, BROADCAST_URL=redis_server.url) as (instance,):
        async with proxy(instance.port) as line, client_over(line, "socket") as one, client_over(line, "stream") as two:
            position = (await trial.publish(outside, 1)).position
            trial.follow(one, position)
            trial.follow(two, position)
            while instance.stats()["channels"].get("one") != 2:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.05)
            await trial.publish(outside, 10)
            instance.kill()
            await trial.publish(outside, 10)
            instance.start()
            await trial.conclude(outside)
    await outside.close()
    assert not any(reader.resets for reader in trial.log.readers)
