"""Alarms ring in time, once, and not when they were cleared; whatever their number, the loop has one timer."""

import gc
import logging
import weakref
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from pattern_stack.atoms import timing_wheel as module
from pattern_stack.atoms.timing_wheel import TimingWheel, timing_wheel
from tests.support.timers import Loop

SECONDS = st.floats(0, 60, allow_nan=False)


class Sleeper:
    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.rung, self.then = 0, then

    def ring(self) -> None:
        self.rung += 1
        self.then()


def wheel_on(loop: Loop) -> TimingWheel:
    return TimingWheel(loop)  # type: ignore[arg-type]


@given(st.lists(st.tuples(SECONDS, SECONDS | st.none()), max_size=30), st.lists(SECONDS, max_size=30))
def test_each_rings_once_when_it_is_time_or_not_at_all(
    alarms: list[tuple[float, float | None]], steps: list[float]
) -> None:
    """Each alarm: in how many seconds; and whether, and when, it is cleared."""
    loop = Loop()
    wheel = wheel_on(loop)
    sleepers = [(Sleeper(), due, cleared) for due, cleared in alarms]
    ticks = [wheel.set(sleeper, due) for sleeper, due, _ in sleepers]
    passed = 0.0
    for step in [*steps, 130.0]:
        for (sleeper, _, cleared), tick in zip(sleepers, ticks, strict=True):
            if cleared is not None and cleared <= passed:
                wheel.clear(sleeper, tick)
        assert len(loop.waiting) <= 1
        loop.pass_time(step)
        passed += step
        for sleeper, due, cleared in sleepers:
            assert sleeper.rung <= 1
            assert not sleeper.rung or passed >= due - 1e-6
            assert sleeper.rung or passed < due + 0.11 or cleared is not None
    assert loop.waiting == []


def test_a_bell_that_fails_is_logged_and_the_others_ring(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    wheel = wheel_on(loop)

    def fail() -> None:
        raise ValueError

    sleepers = [Sleeper(fail), Sleeper(), Sleeper()]
    for sleeper in sleepers:
        wheel.set(sleeper, 1)
    loop.pass_time(1.1)
    assert [sleeper.rung for sleeper in sleepers] == [1, 1, 1]
    assert [(record.name, record.levelno) for record in caplog.records] == [(module.__name__, logging.ERROR)]


def test_who_rings_may_set_the_next_alarm() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    sleeper = Sleeper(lambda: wheel.set(sleeper, 20) and None)
    wheel.set(sleeper, 20)
    for _ in range(5):
        loop.pass_time(20.1)
    assert sleeper.rung == 5


def test_a_loop_has_one_and_is_not_kept_by_it() -> None:
    loop = uvloop.new_event_loop()
    assert timing_wheel(loop) is timing_wheel(loop)
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
