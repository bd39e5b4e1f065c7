"""All stores behave the same: order, pages, swaps, and bounds by count and by age."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend
from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.features.notifications import MemoryStore, Retention, Store
from pattern_stack.features.notifications.redis import RedisStore
from pattern_stack.features.notifications.store import PAGE_BYTES, Row
from pattern_stack.features.notifications.tables import TableStore
from tests.support.clock import Clock
from tests.support.postgres import PostgresServer
from tests.support.redis.server import RedisServer

KEPT = Retention(notifications=5, alerts=1_000, seconds=60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def _postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


_prefixes = (f"records{number}" for number in itertools.count())


@pytest.fixture(params=["memory", "workers", "postgres", pytest.param("redis", marks=pytest.mark.redis)])
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(KEPT, clock)
        return
    if request.param == "postgres":
        url = request.getfixturevalue("_postgres").url
        async with PostgresBroadcastBackend(url, channel_prefix=next(_prefixes)) as database:
            yield TableStore(database, KEPT, clock)
        return
    if request.param == "workers":
        with TemporaryDirectory(prefix="ipc-") as folder:
            async with IPCBroadcastBackend(f"ipc://{folder}/broker") as workers:
                yield TableStore(workers, KEPT, clock)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    async with RedisBroadcastBackend(server.url) as bridge:
        yield RedisStore(bridge, KEPT, clock)


def row(key: str, clock: Clock, *tags: str, data: str = "") -> Row:
    return Row(key, f"{key}{data}".encode(), clock().timestamp(), frozenset(tags))


async def put(store: Store, new: Row, kind: str = "alerts", old: bytes | None = None) -> None:
    assert await store.swap(kind, new.key, old, new)


async def listed(store: Store, *tags: str, kind: str = "alerts", limit: int = 10) -> tuple[list[str], int]:
    rows = await store.page(kind, tags, limit)
    return [data.decode() for data in rows.data], rows.total


async def walk(
    store: Store, tags: tuple[str, ...], limit: int, kind: str = "alerts"
) -> AsyncIterator[tuple[list[bytes], int]]:
    """Every page, one after the other."""
    before = None
    while True:
        rows = await store.page(kind, tags, limit, before)
        yield rows.data, rows.total
        if rows.next is None:
            return
        before = rows.next


async def test_rows_are_listed_newest_first_by_any_tags(store: Store, clock: Clock) -> None:
    for key, *tags in [("a", "x=1"), ("b", "x=1", "y=1"), ("c", "y=1"), ("d", "x=11", "y=1")]:
        await put(store, row(key, clock, *tags))
    assert await listed(store) == (["d", "c", "b", "a"], 4)
    assert await listed(store, limit=2) == (["d", "c"], 4)
    assert await listed(store, "x=1") == (["b", "a"], 2)
    assert await listed(store, "x=1", "y=1") == (["b"], 1)
    assert await listed(store, "x=") == ([], 0)
    assert await listed(store, kind="notifications") == ([], 0)
    assert sorted(await store.keys("alerts", ("y=1",))) == ["b", "c", "d"]
    assert (await store.count("alerts", ("y=1",)), await store.count("alerts")) == (3, 4)
    assert await store.clear("alerts", ("x=1",)) == 2
    assert await listed(store) == (["d", "c"], 2)
    assert await store.clear("alerts", ()) == 2
    assert await store.keys("alerts") == []
    assert await store.count("alerts") == 0


async def test_a_swap_fails_if_the_row_is_not_the_old_one(store: Store, clock: Clock) -> None:
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


async def test_a_row_moves_to_the_end_only_with_a_new_timestamp(store: Store, clock: Clock) -> None:
    for key in "abc":
        await put(store, row(key, clock))
    await put(store, row("a", clock, data="2"), old=b"a")
    assert await listed(store) == (["c", "b", "a2"], 3)
    clock.move(1)
    await put(store, row("a", clock), old=b"a2")
    assert await listed(store) == (["a", "c", "b"], 3)


@pytest.mark.parametrize("limit", [1, 3, 4, 10])
async def test_pages_follow_each_other_to_the_end(store: Store, clock: Clock, limit: int) -> None:
    for number in range(12):
        await put(store, row(f"{number:02}", clock, f"x={number % 3}"))
    pages = [page async for page in walk(store, ("x=1",), limit)]
    assert [data for some, _ in pages for data in some] == [b"10", b"07", b"04", b"01"]
    assert {total for _, total in pages} == {4}
    assert len(pages) == -(-4 // limit), "no page is empty"


async def test_a_page_is_bounded_in_bytes_but_has_a_row(store: Store, clock: Clock) -> None:
    sizes = [PAGE_BYTES // 2, PAGE_BYTES // 2, 2, 3 * PAGE_BYTES, *[100_000] * 25]
    for number, size in enumerate(sizes):
        await put(store, row(f"{number:02}", clock, data="x" * (size - 2)))
    pages = [page async for page in walk(store, (), 1_000)]
    assert [[len(data) for data in some] for some, _ in pages] == [
        [100_000] * 10,
        [100_000] * 10,
        [100_000] * 5,
        [3 * PAGE_BYTES],
        [2, PAGE_BYTES // 2],
        [PAGE_BYTES // 2],
    ]
    assert {total for _, total in pages} == {len(sizes)}


async def test_changes_between_two_pages_shift_nothing(store: Store, clock: Clock) -> None:
    for number in range(8):
        await put(store, row(f"{number}", clock, "odd" if number % 2 else "even"))
    first = await store.page("alerts", (), 3)
    assert [*map(bytes.decode, first.data)] == ["7", "6", "5"]
    await put(store, row("8", clock, "even"))
    assert await store.clear("alerts", ("odd",)) == 4
    rest = await store.page("alerts", (), 3, first.next)
    assert ([*map(bytes.decode, rest.data)], rest.total, rest.next) == (["4", "2", "0"], 5, None)


async def test_keys_are_complete_beyond_one_piece(store: Store, clock: Clock) -> None:
    kept = Retention(progress=2_500)
    store._retention = kept  # type: ignore[attr-defined]
    keys = [f"{number:04}" for number in range(2_500)]
    for some in (keys[at : at + 100] for at in range(0, len(keys), 100)):  # a call may wait 9 s for those before it
        await asyncio.gather(*(put(store, row(key, clock, "x=1"), kind="progress") for key in some))
    assert sorted(await store.keys("progress", ("x=1",))) == keys


async def test_the_oldest_rows_beyond_the_count_are_removed(store: Store, clock: Clock) -> None:
    for number in range(8):
        await put(store, row(f"{number}", clock), kind="notifications")
    assert await listed(store, kind="notifications") == (["7", "6", "5", "4", "3"], 5)
    assert await store.get("notifications", "2") is None


async def test_rows_are_removed_when_they_are_too_old(store: Store, clock: Clock) -> None:
    await put(store, row("old", clock))
    clock.move(40)
    await put(store, row("new", clock))
    clock.move(20)
    assert await listed(store) == (["new", "old"], 2)
    clock.move(1)
    assert await store.get("alerts", "old") is None
    assert await listed(store) == (["new"], 1)


@pytest.mark.parametrize("store", ["postgres", pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
async def test_all_stores_do_the_same(store: Store, clock: Clock) -> None:
    chance = random.Random(7)
    pair: list[Store] = [MemoryStore(KEPT, clock), store]
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
            pages = [page async for page in walk(store, (), limit, kind="notifications")]
            return swapped, cleared, keys, pages, await store.count("notifications", tags)

        here, there = [await outcome(store, key, old, new, tags, limit) for store in pair]
        assert here == there


@pytest.mark.redis
async def test_keys_in_redis_expire(redis_server: RedisServer) -> None:
    clock = Clock()
    async with RedisBroadcastBackend(redis_server.url, channel_prefix="shop") as bridge:
        await put(RedisStore(bridge, KEPT, clock), row("a", clock, "x=1"))
    keys = sorted(redis_server.command("KEYS", "shop:{notifications.alerts}:*"))
    assert [key.rpartition(":")[2] for key in keys] == ["about", "order", "records"]
    assert all(0 < redis_server.command("PTTL", key) <= 60_000 for key in keys)
