"""The stores, which do the same: order, lists, swaps, and bounds by count and by age."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.features.notifications import MemoryStore, Retention, Store
from pattern_stack.features.notifications.redis import RedisStore
from pattern_stack.features.notifications.store import Row
from tests.support.clock import Clock
from tests.support.redis.server import RedisServer

KEPT = Retention(notifications=5, alerts=1_000, seconds=60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(KEPT, clock)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    async with RedisBroadcastBackend(server.url) as bridge:
        yield RedisStore(bridge, KEPT, clock)


def row(key: str, clock: Clock, *tags: str, data: str = "") -> Row:
    return Row(key, f"{key}{data}".encode(), clock().timestamp(), frozenset(tags))


async def put(store: Store, new: Row, kind: str = "alerts", old: bytes | None = None) -> None:
    assert await store.swap(kind, new.key, old, new)


async def listed(store: Store, *tags: str, kind: str = "alerts", limit: int = 10) -> tuple[list[str], int]:
    found, total = await store.newest(kind, tags, limit)
    return [data.decode() for data in found], total


async def test_newest_first_by_any_tags(store: Store, clock: Clock) -> None:
    for key, *tags in [("a", "x=1"), ("b", "x=1", "y=1"), ("c", "y=1"), ("d", "x=11", "y=1")]:
        await put(store, row(key, clock, *tags))
    assert await listed(store) == (["d", "c", "b", "a"], 4)
    assert await listed(store, limit=2) == (["d", "c"], 4)
    assert await listed(store, "x=1") == (["b", "a"], 2)
    assert await listed(store, "x=1", "y=1") == (["b"], 1)
    assert await listed(store, "x=") == ([], 0)
    assert await listed(store, kind="notifications") == ([], 0)
    assert sorted(await store.keys("alerts", ("y=1",))) == ["b", "c", "d"]
    assert await store.clear("alerts", ("x=1",)) == 2
    assert await listed(store) == (["d", "c"], 2)
    assert await store.clear("alerts", ()) == 2
    assert await store.keys("alerts") == []


async def test_a_swap_needs_what_it_replaces(store: Store, clock: Clock) -> None:
    first, second = row("a", clock, "x=1"), row("a", clock, "x=2", data="2")
    await put(store, first)
    assert await store.swap("alerts", "a", None, second) is False
    assert await store.swap("alerts", "a", b"other", second) is False
    assert await store.get("alerts", "a") == b"a"
    assert await store.swap("alerts", "a", b"a", second) is True
    assert await store.swap("alerts", "a", b"a", second) is True, "tried again, for the answer was lost"
    assert await listed(store, "x=2") == (["a2"], 1)
    assert await listed(store, "x=1") == ([], 0)
    assert await store.swap("alerts", "a", b"other", None) is False
    assert await store.swap("alerts", "a", b"a2", None) is True
    assert await store.swap("alerts", "a", b"a2", None) is True
    assert await store.get("alerts", "a") is None


async def test_a_change_stays_in_its_place_unless_its_time_is_new(store: Store, clock: Clock) -> None:
    for key in "abc":
        await put(store, row(key, clock))
    await put(store, row("a", clock, data="2"), old=b"a")
    assert await listed(store) == (["c", "b", "a2"], 3)
    clock.move(1)
    await put(store, row("a", clock), old=b"a2")
    assert await listed(store) == (["a", "c", "b"], 3)


async def test_bounded_by_count(store: Store, clock: Clock) -> None:
    for number in range(8):
        await put(store, row(f"{number}", clock), kind="notifications")
    assert await listed(store, kind="notifications") == (["7", "6", "5", "4", "3"], 5)
    assert await store.get("notifications", "2") is None


async def test_bounded_by_age(store: Store, clock: Clock) -> None:
    await put(store, row("old", clock))
    clock.move(40)
    await put(store, row("new", clock))
    clock.move(20)
    assert await listed(store) == (["new", "old"], 2)
    clock.move(1)
    assert await store.get("alerts", "old") is None
    assert await listed(store) == (["new"], 1)


@pytest.mark.redis
async def test_both_stores_do_the_same(redis_server: RedisServer) -> None:
    clock, chance = Clock(), random.Random(7)
    async with RedisBroadcastBackend(redis_server.url) as bridge:
        pair: list[Store] = [MemoryStore(KEPT, clock), RedisStore(bridge, KEPT, clock)]
        for number in range(600):
            key, tags = chance.choice("abcdefgh"), chance.sample(["x=1", "x=2", "y=1"], 2)
            old = chance.choice([None, await pair[0].get("notifications", key)])
            new = chance.choice([row(key, clock, *tags, data=str(number))] * 3 + [None])
            limit = chance.randint(1, 4)
            clock.move(chance.choice([0, 0, 1, 30]))

            async def outcome(store: Store, *call: Any) -> Any:
                key, old, new, tags, limit = call
                swapped = await store.swap("notifications", key, old, new)
                cleared = await store.clear("notifications", tags) if limit == 4 and swapped else None
                keys = sorted(await store.keys("notifications", tags[:1]))
                return swapped, cleared, keys, await store.newest("notifications", (), limit)

            here, there = [await outcome(store, key, old, new, tags, limit) for store in pair]
            assert here == there


@pytest.mark.redis
async def test_what_redis_keeps_ends_by_itself(redis_server: RedisServer) -> None:
    clock = Clock()
    async with RedisBroadcastBackend(redis_server.url, channel_prefix="shop") as bridge:
        await put(RedisStore(bridge, KEPT, clock), row("a", clock, "x=1"))
    keys = sorted(redis_server.command("KEYS", "shop:{notifications.alerts}:*"))
    assert [key.rpartition(":")[2] for key in keys] == ["about", "order", "records"]
    assert all(0 < redis_server.command("PTTL", key) <= 60_000 for key in keys)
