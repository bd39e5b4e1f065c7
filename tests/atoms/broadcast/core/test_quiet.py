"""The engine in memory knows for how long a channel has had no event, also one that it has forgotten."""

from typing import Any

import pytest

from pattern_stack import History, Limits
from pattern_stack.atoms.broadcast.core.event import encode
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine

now = 0.0


@pytest.fixture
def engine() -> Any:
    global now
    now = 100.0
    return MemoryEngine(lambda _: History(seconds=10), Limits(idle_channels=2), lambda: now)


async def pass_on(seconds: float) -> None:
    global now
    now += seconds


async def publish(engine: MemoryEngine, channel: str) -> None:
    await engine.publish([encode(channel, "x", {}, limits=Limits())])


async def test_a_channel_without_an_event_was_quiet_since_the_start(engine: MemoryEngine) -> None:
    await pass_on(5)
    await engine.subscribe("a")
    await pass_on(2)
    assert engine.quiet("a") == 7


async def test_an_event_ends_it_and_who_comes_and_goes_does_not(engine: MemoryEngine) -> None:
    await publish(engine, "a")
    await pass_on(3)
    await engine.subscribe("a")
    engine.unsubscribe("a")
    await pass_on(1)
    await engine.subscribe("a")
    assert engine.quiet("a") == 4
    await publish(engine, "a")
    assert engine.quiet("a") == 0


async def test_a_channel_may_be_one_that_was_forgotten(engine: MemoryEngine) -> None:
    await publish(engine, "a")
    await pass_on(20)
    await engine.subscribe("a")  # its window is over: it begins anew
    assert engine.position("a").offset == 0
    assert engine.quiet("a") == 20
    await pass_on(1)
    for channel in ("b", "c", "d"):  # more than are kept
        await publish(engine, channel)
    await pass_on(1)
    await engine.subscribe("b")
    assert engine.position("b").offset == 0
    assert engine.quiet("b") == 1


async def test_a_lost_history_is_no_quiet_one(engine: MemoryEngine) -> None:
    await pass_on(5)
    engine.lose("a")
    assert engine.quiet("a") == 0
