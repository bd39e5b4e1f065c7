"""What those who come back have missed: from a store that is a list, in pieces of two events."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pattern_stack.atoms.broadcast.bridge.replay_cache import ReplayCache
from pattern_stack.atoms.broadcast.bridge.store import Reading
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.errors import BroadcastUnavailable

PIECE = 2
BODY = b'{"channel":"a"}'
SIZE = sum(len(Event("a", BODY, "e", offset).data) for offset in range(1, 11))
"""Of the first ten events."""
ALL = History()


class Kept:
    """The store: events up to `newest`, of which those before `oldest` are gone. `during`: called by each read."""

    def __init__(self, newest: int, oldest: int = 1) -> None:
        self.epoch = "e"
        self.newest, self.oldest = newest, oldest
        self.holes: set[int] = set()
        self.reads: list[tuple[int, int]] = []
        self.during: Callable[[], Awaitable[None]] = self._nothing

    async def _nothing(self) -> None:
        await asyncio.sleep(0)

    async def read(self, channel: str, since: Position, until: int) -> Reading:
        self.reads.append((since.offset, until))
        await self.during()
        found = [
            n for n in range(max(since.offset + 1, self.oldest), min(until, self.newest) + 1) if n not in self.holes
        ]
        piece = [n for index, n in enumerate(found[:PIECE]) if n == found[0] + index]
        if self.epoch != since.epoch or not piece:
            return Reading(self.epoch, self.newest, since.offset + 1, [])
        return Reading(self.epoch, self.newest, piece[0], [BODY] * len(piece))


def of(kept: Kept, limit: int = 10**9, clock: Callable[[], float] = lambda: 0.0) -> ReplayCache:
    return ReplayCache(kept.read, limit, clock)


async def ask(replays: ReplayCache, since: int, until: int, newest: int, bounds: History = ALL) -> list[int] | None:
    async with asyncio.timeout(10):
        events = await replays.between("a", since, until, Position("e", newest), bounds)
    return None if events is None else [event.offset for event in events]


async def test_many_who_come_back_to_one_channel_share_its_reads() -> None:
    kept = Kept(20)
    replays = of(kept)
    got = await asyncio.gather(*(ask(replays, n % 20, 20, 20) for n in range(2_000)))
    assert got == [list(range(n % 20 + 1, 21)) for n in range(2_000)]
    assert len(kept.reads) == 20 / PIECE
    assert await ask(replays, 3, 7, 20) == [4, 5, 6, 7]
    assert len(kept.reads) == 20 / PIECE


async def test_they_are_given_the_same_objects() -> None:
    replays = of(Kept(4))
    one, two = [await replays.between("a", 0, 4, Position("e", 4), ALL) for _ in range(2)]
    assert one is not None
    assert two is not None
    assert all(first is second for first, second in zip(one, two, strict=True))


async def test_who_left_earlier_costs_what_is_not_here_yet() -> None:
    kept = Kept(20)
    replays = of(kept)
    assert await ask(replays, 16, 20, 20) == [17, 18, 19, 20]
    kept.reads.clear()
    assert await ask(replays, 12, 20, 20) == list(range(13, 21))
    assert kept.reads == [(12, 16), (14, 16)]


async def test_what_is_delivered_meanwhile_is_not_read() -> None:
    kept = Kept(4)
    replays = of(kept)
    first = asyncio.create_task(ask(replays, 0, 4, 4))
    await asyncio.sleep(0)
    for offset in (5, 6):
        replays.delivered(Event("a", BODY, "e", offset))
    replays.delivered(Event("another", BODY, "e", 1))
    assert await first == [1, 2, 3, 4]
    assert await ask(replays, 2, 6, 6) == [3, 4, 5, 6]
    assert kept.reads == [(0, 4), (2, 4)]


async def test_only_those_who_left_too_early_are_told_so() -> None:
    kept = Kept(10, oldest=5)
    replays = of(kept)
    got = await asyncio.gather(*(ask(replays, since, 10, 10) for since in (1, 3, 4, 8)))
    assert got == [None, None, list(range(5, 11)), [9, 10]]
    reads = len(kept.reads)
    assert await ask(replays, 2, 10, 10) is None
    assert len(kept.reads) == reads


async def test_what_the_store_drops_amid_a_read() -> None:
    kept = Kept(10)
    replays = of(kept)

    async def drop() -> None:
        kept.oldest += 4

    kept.during = drop
    assert await asyncio.gather(ask(replays, 0, 10, 10), ask(replays, 8, 10, 10)) == [None, [9, 10]]


async def test_a_hole_ends_what_can_be_told() -> None:
    kept = Kept(10)
    kept.holes = {6}
    replays = of(kept)
    assert await asyncio.gather(ask(replays, 2, 10, 10), ask(replays, 6, 10, 10)) == [None, [7, 8, 9, 10]]


@pytest.mark.parametrize("kept", [Kept(10, oldest=11), Kept(0)])
async def test_a_store_that_has_nothing(kept: Kept) -> None:
    assert await ask(of(kept), 9, 10, 10) is None


async def test_a_store_that_began_anew() -> None:
    kept = Kept(10)
    kept.epoch = "another"
    assert await ask(of(kept), 9, 10, 10) is None


async def test_a_store_that_is_away_refuses_all_of_them_once() -> None:
    kept = Kept(10)
    replays = of(kept)

    async def refuse() -> None:
        await asyncio.sleep(0)
        raise BroadcastUnavailable("away")

    kept.during = refuse
    got = await asyncio.gather(*(ask(replays, n, 10, 10) for n in range(5)), return_exceptions=True)
    assert [type(one) for one in got] == [BroadcastUnavailable] * 5
    assert len(kept.reads) == 1
    kept.during = kept._nothing
    assert await ask(replays, 8, 10, 10) == [9, 10]


async def test_who_goes_amid_a_read_leaves_it_to_the_others() -> None:
    kept = Kept(10)
    replays = of(kept)
    goes, stays = (asyncio.create_task(ask(replays, 0, 10, 10)) for _ in range(2))
    while not kept.reads:  # noqa: ASYNC110 - the store has no event for a test
        await asyncio.sleep(0)
    goes.cancel()
    assert await stays == list(range(1, 11))


async def test_a_channel_that_is_left_amid_a_read() -> None:
    kept = Kept(10)
    replays = of(kept)
    waiting = asyncio.create_task(ask(replays, 0, 10, 10))
    while not kept.reads:  # noqa: ASYNC110 - the store has no event for a test
        await asyncio.sleep(0)
    replays.forget("a")
    assert await waiting is None
    assert replays._size == 0


async def test_a_window_is_bounded_as_the_channel_is() -> None:
    kept = Kept(10)
    replays = of(kept)
    bounds = History(events=4)
    assert await ask(replays, 6, 10, 10, bounds) == [7, 8, 9, 10]
    replays.delivered(Event("a", BODY, "e", 11))
    assert replays._windows["a"].start == 7
    kept.newest, kept.oldest = 11, 8
    assert await ask(replays, 6, 11, 11, bounds) is None
    assert await ask(replays, 7, 11, 11, bounds) == [8, 9, 10, 11]


async def test_nothing_is_dropped_while_somebody_waits_for_it() -> None:
    kept = Kept(10)
    replays = of(kept)
    waiting = asyncio.create_task(ask(replays, 6, 10, 10, History(events=4)))
    while not kept.reads:  # noqa: ASYNC110 - the store has no event for a test
        await asyncio.sleep(0)
    for offset in range(11, 18):
        replays.delivered(Event("a", BODY, "e", offset))
    assert await waiting == [7, 8, 9, 10]
    assert replays._windows["a"].start == 13


async def test_all_windows_together_are_bounded() -> None:
    kept = Kept(10)
    replays = of(kept, limit=SIZE * 5 // 2)
    for channel in ("a", "b", "c"):
        await replays.between(channel, 0, 10, Position("e", 10), ALL)
    assert list(replays._windows) == ["b", "c"]
    assert replays._size == 2 * SIZE


async def test_a_window_that_nobody_needs_is_dropped_after_a_minute() -> None:
    now = 0.0
    kept = Kept(10)
    replays = of(kept, clock=lambda: now)
    await ask(replays, 0, 10, 10)
    now = 61
    replays.delivered(Event("a", BODY, "e", 11))
    assert not replays._windows
    assert replays._size == 0


async def test_one_caller_is_answered_in_each_iteration_of_the_loop() -> None:
    """Each of them has much to write."""
    replays = of(Kept(4))
    iterations = 0
    answered: list[int] = []

    async def come() -> None:
        await ask(replays, 0, 4, 4)
        answered.append(iterations)

    coming = asyncio.gather(*(come() for _ in range(50)))
    while not coming.done():
        iterations += 1
        await asyncio.sleep(0)
    assert len(set(answered)) == 50
