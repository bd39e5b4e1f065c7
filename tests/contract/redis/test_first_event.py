"""A channel has a position before its first event, and nothing in Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from pattern_stack import Position
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import Instance
from tests.support.client import client
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.server import RedisServer
from tests.support.watched import Watched

pytestmark = pytest.mark.redis

CHANNEL = "orders"
_NOW = "math.floor(now / 21600000)"


@asynccontextmanager
async def bridge_to(redis: RedisServer) -> AsyncIterator[RedisBroadcastBackend]:
    async with RedisBroadcastBackend(redis.url) as one:
        yield one


def keys(redis: RedisServer, name: str) -> list[str]:
    found: list[str] = redis.command("KEYS", f"*{name}*")
    return found


async def test_names_that_are_only_read_leave_nothing_behind(redis_server: RedisServer) -> None:
    async with Instance(redis_server.url) as one, client(one.server.url) as stranger:
        for frame in range(5):
            names = [f"stranger{frame}.{n}" for n in range(100)]
            told = await stranger.subscribe(*names, since={names[0]: {"epoch": "nobody's", "offset": 3}})
            assert {position["offset"] for position in told.values()} == {0}
            await stranger.ask({"unsubscribe": names})
        assert keys(redis_server, "stranger") == []
        await one.backend.broadcast("stranger.1", "e", {})
        assert len(keys(redis_server, "stranger")) == 3


async def test_the_first_event_begins_the_epoch_that_was_told(redis_server: RedisServer) -> None:
    async with bridge_to(redis_server) as reads, bridge_to(redis_server) as publishes:
        told = await reads.position(CHANNEL)
        assert await publishes.position(CHANNEL) == told
        event = await publishes.broadcast(CHANNEL, "e", {})
        assert event.position == Position(told.epoch, 1)
        assert await reads.position(CHANNEL) == event.position
        assert (await reads.position("another")).epoch != told.epoch


async def _delete(redis: RedisServer) -> None:
    """As eviction may: only what it has had before stays."""
    redis.command("DEL", *(f"pattern_stack:{{{CHANNEL}}}:{name}" for name in ("state", "events")))


async def _flush(redis: RedisServer) -> None:
    redis.command("FLUSHALL")


async def _evict(redis: RedisServer) -> None:
    redis.configure(maxmemory_policy="allkeys-random", maxmemory=redis.info("used_memory") + 200_000)
    for n in range(1_000):
        redis.command("SET", f"junk{n}", "x" * 10_000)
    redis.configure(maxmemory=0)
    assert redis.info("evicted_keys")
    redis.command("DEL", *(keys(redis, CHANNEL) or ["none"]))


async def _restart(redis: RedisServer) -> None:
    await asyncio.to_thread(redis.restart)


@pytest.mark.parametrize("lose", [_delete, _flush, _evict, _restart])
@pytest.mark.parametrize("published", [True, False])
async def test_a_channel_that_was_lost_gets_another_epoch(
    redis_server: RedisServer, lose: Callable[[RedisServer], Awaitable[None]], published: bool
) -> None:
    """No offset may mean two events, and no client may be told that it has recovered what it has not."""
    async with bridge_to(redis_server) as one:
        told = await one.position(CHANNEL)
        if published:
            assert (await one.broadcast(CHANNEL, "lost", {})).epoch == told.epoch
        await lose(redis_server)
        while not one.is_ready:  # noqa: ASYNC110 - the link has no event for a test
            await asyncio.sleep(0.02)
        again = await one.position(CHANNEL)
        assert again.offset == 0
        if published or lose is not _delete:  # else there was nothing to be lost
            assert again.epoch != told.epoch
        assert (await one.broadcast(CHANNEL, "e", {})).position == Position(again.epoch, 1)


async def test_in_a_cluster_the_first_event_begins_the_epoch_that_was_told(redis_cluster: RedisCluster) -> None:
    async with RedisBroadcastBackend(redis_cluster.nodes[0].url) as one:
        for n in range(10):
            told = await one.position(f"c{n}")
            assert (await one.broadcast(f"c{n}", "e", {})).position == Position(told.epoch, 1)


def _as_of_earlier(bridge: RedisBroadcastBackend, periods: int) -> None:
    """It reads as if it had done so some periods of six hours ago."""
    store = bridge._store
    assert _NOW in store._read
    store._read = store._read.replace(_NOW, f"{_NOW} - {periods}")


@pytest.mark.parametrize("periods", [1, 3])
async def test_what_was_told_hours_before_the_first_event_is_recovered(redis_server: RedisServer, periods: int) -> None:
    async with Instance(redis_server.url) as one, bridge_to(redis_server) as outside:
        bridge = one.backend.bridge
        assert isinstance(bridge, RedisBroadcastBackend)
        now = bridge._store._read
        _as_of_earlier(bridge, periods)
        async with client(one.server.url) as stays, client(one.server.url) as leaves:
            for each in (stays, leaves):
                told = (await each.subscribe(CHANNEL))[CHANNEL]
            leaves.cut()
            bridge._store._read = now
            events = [await outside.broadcast(CHANNEL, "e", {}) for _ in range(3)]
            assert events[0].epoch != told["epoch"]
            assert [(await stays.event())["offset"] for _ in range(3)] == [1, 2, 3]
            for offset in (0, 2):
                async with client(one.server.url) as back:
                    since = {**told, "offset": offset}
                    assert (await back.subscribe(CHANNEL, since={CHANNEL: since}))[CHANNEL] == {
                        **since,
                        "recovered": True,
                    }
                    assert [(await back.event())["offset"] for _ in range(3 - offset)] == list(range(offset + 1, 4))
            await stays.nothing_more()


async def test_what_was_told_a_day_before_the_first_event_is_a_reset(redis_server: RedisServer) -> None:
    async with Instance(redis_server.url) as one, bridge_to(redis_server) as outside:
        bridge = one.backend.bridge
        assert isinstance(bridge, RedisBroadcastBackend)
        now = bridge._store._read
        _as_of_earlier(bridge, 4)
        async with client(one.server.url) as stays:
            await stays.subscribe(CHANNEL)
            bridge._store._read = now
            event = await outside.broadcast(CHANNEL, "e", {})
            assert await stays.receive() == {"reset": {CHANNEL: event.position._asdict()}}
            await outside.broadcast(CHANNEL, "e", {})
            assert (await stays.event())["offset"] == 2


async def test_presence_of_names_that_are_left_again_leaves_nothing_behind(redis_server: RedisServer) -> None:
    async with Instance(redis_server.url) as one:
        Watched(one.backend, "stranger.{name}", presence=True)
        async with client(one.server.url) as stranger:
            names = [f"stranger.{n}" for n in range(20)]
            asked = await stranger.ask({"presence": names})
            assert {answer["count"] for answer in asked["presence"].values()} == {0}
            assert keys(redis_server, "stranger") == []
            await stranger.subscribe(*names)
            assert len(keys(redis_server, "stranger")) == 2 * len(names)
            await stranger.ask({"unsubscribe": names})
            assert keys(redis_server, "stranger") == []
