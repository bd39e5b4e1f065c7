"""At most so many calls, and always one after the last touch."""

import threading
import time
from itertools import pairwise

import pytest

from pattern_stack.errors import BroadcastUnavailable
from pattern_stack.features.notifications import ProgressNotFound
from pattern_stack.features.notifications.debouncer import Debouncer
from tests.support.eventually import eventually


class Act:
    """Notes the newest state each time; raises what it is given first."""

    def __init__(self, *failures: Exception) -> None:
        self.state = 0
        self.told: list[int] = []
        self.tries = 0
        self.at: list[float] = []
        self._failures = list(failures)

    def __call__(self) -> None:
        self.tries += 1
        self.at.append(time.monotonic())
        if self._failures:
            raise self._failures.pop(0)
        self.told.append(self.state)

    def touched(self, debouncer: Debouncer, state: int) -> None:
        self.state = state
        debouncer.touch()


def test_a_burst_is_limited_and_its_last_state_told() -> None:
    act = Act()
    debouncer = Debouncer(act, rate=20)
    for state in range(1_000):
        act.touched(debouncer, state)
    eventually(lambda: act.told[-1] == 999)
    debouncer.flush()
    assert act.told[0] == 0
    assert act.told == sorted(set(act.told))
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(act.at))


def test_the_flush_tells_the_last_state_and_nothing_comes_after() -> None:
    act = Act()
    debouncer = Debouncer(act, rate=0.001)
    act.touched(debouncer, 1)
    act.touched(debouncer, 2)
    debouncer.flush()
    debouncer.flush()
    assert act.told == [1, 2]
    assert debouncer._timer is None


def test_a_store_that_is_away_holds_up_nobody() -> None:
    act = Act(*[BroadcastUnavailable("away")] * 3)
    debouncer = Debouncer(act, rate=100)
    act.touched(debouncer, 1)
    act.touched(debouncer, 2)
    eventually(lambda: act.told == [2])
    assert act.tries == 4


def test_while_one_call_waits_whoever_touches_goes_on() -> None:
    gate, waiting = threading.Event(), threading.Event()
    act = Act()

    def slow() -> None:
        waiting.set()
        assert gate.wait(20)
        act()

    debouncer = Debouncer(slow, rate=1_000)
    first = threading.Thread(target=act.touched, args=(debouncer, 1))
    first.start()
    assert waiting.wait(20)
    for state in range(2, 100):
        act.touched(debouncer, state)
    gate.set()
    first.join(20)
    debouncer.flush()
    assert act.told[-1] == 99


def test_a_store_that_is_away_to_the_end_is_an_error() -> None:
    act = Act(*[BroadcastUnavailable("away")] * 2)
    debouncer = Debouncer(act, rate=0.001)
    act.touched(debouncer, 1)
    with pytest.raises(BroadcastUnavailable):
        debouncer.flush()
    debouncer.flush()
    assert act.told == [1]


@pytest.mark.parametrize("failure", [ProgressNotFound("gone"), RuntimeError("a fault")])
def test_what_fails_for_good_is_raised_by_the_next_touch(failure: Exception) -> None:
    act = Act()
    debouncer = Debouncer(act, rate=100)
    act.touched(debouncer, 1)
    act._failures = [failure] * 3
    act.touched(debouncer, 2)
    eventually(lambda: act.tries == 2)
    eventually(lambda: debouncer._timer is None)
    eventually(lambda: debouncer._due < time.monotonic())
    with pytest.raises(type(failure)):
        act.touched(debouncer, 3)
    with pytest.raises(type(failure)):
        debouncer.flush()
