"""Journals over every store: one order of entries, each with its events, on whichever instance it is asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.journal import SETTLING_SECONDS, Step
from pattern_stack.atoms.broadcast.core.event import Draft, encode
from pattern_stack.atoms.broadcast.core.limits import Limits

CHANNEL = "room:7"


def drafts(*names: str) -> list[Draft]:
    return [encode(CHANNEL, name, {}, limits=Limits()) for name in names]


def step(after: int, follows: str, id: str, *, whole: bytes | None = None, ends: bool = False) -> Step:
    return Step(after, follows, id, b"entry " + id.encode(), b"about " + id.encode(), whole, ends)


@pytest.fixture
async def engines(make_bridge: Callable[..., Any]) -> AsyncIterator[list[SharedEngine]]:
    """Of two instances."""
    bridges = [make_bridge() for _ in range(2)]
    async with AsyncExitStack() as stack:
        for bridge in bridges:
            stack.push_async_callback(bridge.close)
            await bridge.position("any")  # it works on this loop from now on
        yield [bridge.engine for bridge in bridges]


async def begun(engine: SharedEngine) -> None:
    assert (await engine.append(CHANNEL, step(0, "", "a", whole=b"whole a"), drafts("one"))).state == "done"


async def test_an_entry_follows_the_last_one_and_comes_with_its_events(engines: list[SharedEngine]) -> None:
    one, two = engines
    await begun(one)
    assert (await two.append(CHANNEL, step(1, "a", "b"), drafts("two", "three"))).state == "done"
    reading = await one.journals.read(CHANNEL, 1, "a")
    assert (reading.state, reading.number, reading.id) == ("there", 2, "b")
    assert (reading.snapshot, reading.entries) == (None, [b"entry b"])
    assert (reading.position.offset, reading.position) == (3, await two.position_of(CHANNEL))
    assert (await one.append(CHANNEL, step(1, "a", "c"), drafts("never"))).state == "moved"
    assert (await one.position_of(CHANNEL)).offset == 3
    whole = await one.journals.read(CHANNEL, 0, "")
    assert (whole.snapshot, whole.entries) == (b"whole a", [b"entry b"])
    assert (await one.journals.read(CHANNEL, 2, "b")).entries == []
    assert (await one.journals.read(CHANNEL, 2, "other")).snapshot == b"whole a"
    assert await two.journals.all() == [(CHANNEL, b"about b")]


async def test_a_step_whose_answer_was_lost_is_made_once(engines: list[SharedEngine]) -> None:
    one, two = engines
    await begun(one)
    for _ in range(2):
        assert (await one.append(CHANNEL, step(1, "a", "b"), drafts("two"))).state == "done"
    assert (await two.append(CHANNEL, step(2, "b", "c"), drafts("three"))).state == "done"
    assert (await one.append(CHANNEL, step(1, "a", "b"), drafts("two"))).state == "done"
    assert (await one.position_of(CHANNEL)).offset == 3


async def test_of_many_at_once_one_is_taken(engines: list[SharedEngine]) -> None:
    await begun(engines[0])
    tries = [engines[number % 2].append(CHANNEL, step(1, "a", f"{number}"), drafts("two")) for number in range(20)]
    assert sorted(answer.state for answer in await asyncio.gather(*tries)) == ["done", *["moved"] * 19]
    assert (await engines[0].position_of(CHANNEL)).offset == 2


async def test_a_snapshot_takes_the_place_of_entries(engines: list[SharedEngine]) -> None:
    one, two = engines
    await begun(one)
    for after, follows, id in ((1, "a", "b"), (2, "b", "c"), (3, "c", "d")):
        await one.append(CHANNEL, step(after, follows, id), ())
    await two.journals.compact(CHANNEL, 3, "other", b"wrong")
    await two.journals.compact(CHANNEL, 3, "c", b"whole c")
    await two.journals.compact(CHANNEL, 2, "b", b"late")
    whole = await one.journals.read(CHANNEL, 1, "a")
    assert (whole.snapshot, whole.entries) == (b"whole c", [b"entry d"])
    behind = await one.journals.read(CHANNEL, 3, "c")
    assert (behind.snapshot, behind.entries) == (None, [b"entry d"])
    elsewhere = await one.journals.read(CHANNEL, 3, "of another history")
    assert (elsewhere.snapshot, elsewhere.entries) == (b"whole c", [b"entry d"])
    assert (await one.append(CHANNEL, step(4, "d", "e", whole=b"whole e"), ())).state == "done"
    whole = await one.journals.read(CHANNEL, 4, "d")
    assert (whole.number, whole.snapshot, whole.entries) == (5, b"whole e", [])


async def test_what_has_ended_stays_so(engines: list[SharedEngine]) -> None:
    one, two = engines
    await begun(one)
    for _ in range(2):
        assert (await one.append(CHANNEL, step(1, "a", "b", ends=True), drafts("end"))).state == "done"
    assert (await two.append(CHANNEL, step(1, "a", "c"), ())).state == "gone"
    assert (await two.append(CHANNEL, step(0, "", "c", whole=b"x"), ())).state == "gone"
    assert (await two.journals.read(CHANNEL, 1, "a")).state == "gone"
    assert await two.journals.offer(CHANNEL, 9, "z", b"about", None) is False
    assert await two.journals.all() == []
    assert (await one.position_of(CHANNEL)).offset == 2


async def test_what_a_store_lost_is_written_anew_by_who_knows_most(engines: list[SharedEngine]) -> None:
    one, two = engines
    began = monotonic()
    assert await one.journals.offer(CHANNEL, 3, "c", b"about c", None) is True
    assert await one.journals.offer(CHANNEL, 3, "c", b"about c", b"whole c") is False
    assert await one.journals.offer(CHANNEL, 2, "b", b"about b", None) is False
    assert await two.journals.offer(CHANNEL, 5, "e", b"about e", None) is True
    await two.journals.offer(CHANNEL, 5, "e", b"about e", b"whole e")
    states = [
        (await one.append(CHANNEL, step(3, "c", "d"), ())).state,
        (await one.journals.read(CHANNEL, 3, "c")).state,
    ]
    assert states == ["unsettled"] * 2 or monotonic() - began > SETTLING_SECONDS
    while (reading := await one.journals.read(CHANNEL, 3, "c")).state == "unsettled":  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert (reading.number, reading.id, reading.snapshot) == (5, "e", b"whole e")
    assert await two.journals.offer(CHANNEL, 9, "z", b"about", None) is False
    assert (await one.append(CHANNEL, step(5, "e", "f"), ())).state == "done"
