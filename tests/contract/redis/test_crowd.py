"""Many clients come back at once, or one comes back for much: the link to Redis carries on, and so do its neighbours."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pattern_stack import Event, Position
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.broadcast.bridge.replay_cache import ReplayCache
from pattern_stack.atoms.broadcast.bridge.tracker import events_of
from tests.contract.drill import Instance
from tests.support.client import client
from tests.support.crowd import crowd
from tests.support.instances import Instance as InstanceProcess
from tests.support.instances import instances
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.redis

CHANNEL = "crowd"
MEBI = 1_048_576


@asynccontextmanager
async def publisher(redis: RedisServer) -> AsyncIterator[RedisBroadcastBackend]:
    async with RedisBroadcastBackend(redis.url) as backend:
        yield backend


async def fill(backend: RedisBroadcastBackend, count: int, size: int) -> dict[str, object]:
    """Publish so many events of so many bytes; the position before them."""
    start = await backend.position(CHANNEL)
    for _ in range(count):
        await backend.broadcast(CHANNEL, "e", {"filling": "x" * (size - 100)})
    assert (await backend.position(CHANNEL)).offset == count
    return start._asdict()


def sent_by(redis: RedisServer) -> int:
    """Bytes."""
    return int(redis.info("total_net_output_bytes"))


async def recover(redis: RedisServer, port: int, members: int, count: int, size: int) -> None:
    """All of them at once. Amid it a publisher goes on when a neighbour has its last event: whoever waits for the crowd waits
    for ever."""
    async with publisher(redis) as backend, client(f"ws://127.0.0.1:{port}/ws/broadcast") as neighbour:
        since = await fill(backend, count, size)
        await neighbour.subscribe("beside")
        before = sent_by(redis)
        async with crowd(port, members, CHANNEL, since) as all_of_them:
            recovering = asyncio.gather(*(one.until(count) for one in all_of_them))
            steps = 0
            while steps < 30 or not recovering.done():
                event = await backend.broadcast("beside", "e", {})
                assert await neighbour.event() == _message(event)
                steps += 1
            await backend.broadcast(CHANNEL, "last", {})
            await asyncio.gather(*(one.until(count + 1) for one in all_of_them))
            assert not [one.refusals for one in all_of_them if one.refusals][:3]
            assert all(one.reply == {**since, "recovered": True} for one in all_of_them)
        # once for all of them; the rest is what the publisher and the link itself were answered
        assert sent_by(redis) - before < 1.2 * count * size + steps * 5_000


def _message(event: Event) -> dict[str, object]:
    return {
        "channel": event.channel,
        "event": event.event_type,
        "payload": event.payload,
        "timestamp": event.timestamp,
        "offset": event.offset,
    }


async def each_for_itself(
    self: ReplayCache, channel: str, since: int, until: int, newest: Position, bounds: object
) -> list[Event]:
    """What a bridge without windows does."""
    events: list[Event] = []
    while since < until:
        reading = await self._read(channel, Position(newest.epoch, since), until)
        events += events_of(channel, reading)
        since += len(reading.bodies)
    return events


async def test_a_crowd_that_comes_back_costs_redis_one_read(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Instance(redis_server.url) as one:
        await recover(redis_server, one.server.port, members=300, count=250, size=2_000)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_bridge_that_reads_for_each_is_found_out(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReplayCache, "between", each_for_itself)
    async with Instance(redis_server.url) as one:
        with pytest.raises(AssertionError):
            await recover(redis_server, one.server.port, members=20, count=250, size=2_000)


@pytest.mark.soak
async def test_two_thousand_that_come_back_for_fifteen_megabytes_each(redis_server: RedisServer) -> None:
    with instances(1, BROADCAST_URL=redis_server.url) as (one,):
        await recover(redis_server, one.port, members=2_000, count=250, size=62_000)
        _never_broke(one)


def _never_broke(instance: InstanceProcess) -> None:
    assert "is down" not in instance.process.log()
    assert instance.readiness() == 200


async def test_a_client_that_comes_back_for_much(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """256 events of 1 MB are more than a channel keeps: Redis has its 16 MiB, and a client gets all of that."""
    async with publisher(redis_server) as backend, Instance(redis_server.url) as one:
        start = await fill(backend, 256, MEBI - 1_000)
        kept = int(redis_server.command("XLEN", f"pattern_stack:{{{CHANNEL}}}:events"))
        assert kept == 16
        async with client(one.server.url) as back:
            await back.subscribe("beside")
            since = {**start, "offset": 256 - kept}
            told = await back.subscribe(CHANNEL, since={CHANNEL: since})
            assert told[CHANNEL]["recovered"] is True
            assert [(await back.event())["offset"] for _ in range(kept)] == list(range(256 - kept + 1, 257))
            assert (await back.subscribe("other", since={"other": start}))["other"]["recovered"] is False
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
