"""At most `rate` calls a second, and always one after the last trigger."""

import threading
from collections.abc import Callable

import pytest

from pattern_stack.errors import BroadcastUnavailable
from pattern_stack.features.notifications import ProgressNotFound
from pattern_stack.features.notifications.debouncer import Debouncer
from tests.support.patience import PATIENCE


class Time:
    """A clock and timers in the test's hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[FakeTimer] = []

    def __call__(self) -> float:
        return self.now

    def timer(self, seconds: float, function: Callable[[], None]) -> "FakeTimer":
        return FakeTimer(self, self.now + seconds, function)

    def move(self, seconds: float) -> None:
        """Timers fire on the way, in this thread."""
        end = self.now + seconds
        while due := sorted((timer for timer in self.timers if timer.at <= end), key=lambda timer: timer.at):
            self.timers.remove(due[0])
            self.now = due[0].at
            due[0].function()
        self.now = end


class FakeTimer:
    def __init__(self, time: Time, at: float, function: Callable[[], None]) -> None:
        self.time, self.at, self.function = time, at, function

    def start(self) -> None:
        self.time.timers.append(self)

    def cancel(self) -> None:
        if self in self.time.timers:
            self.time.timers.remove(self)


class State:
    """What is published: the newest value, at a time. It first raises the errors that it is given."""

    def __init__(self, *errors: Exception, rate: float) -> None:
        self.value = 0
        self.published: list[int] = []
        self.calls: list[float] = []
        self.errors = list(errors)
        self.time = Time()
        self.debouncer = Debouncer(self._publish, rate, clock=self.time, timer=self.time.timer)

    def _publish(self) -> None:
        self.calls.append(self.time.now)
        if self.errors:
            raise self.errors.pop(0)
        self.published.append(self.value)

    def set(self, value: int) -> None:
        self.value = value
        self.debouncer.trigger()


def test_a_burst_is_limited_and_its_last_state_is_published() -> None:
    state = State(rate=4)
    for value in range(1_000):
        state.set(value)
        state.time.move(0.01)
    state.time.move(1)
    assert (state.published[0], state.published[-1]) == (0, 999)
    assert state.published == sorted(set(state.published))
    assert state.calls == pytest.approx([100 + 0.25 * index for index in range(len(state.calls))])
    assert len(state.calls) == 41, "one at once, then four in each of 10 s"
    assert not state.time.timers


def test_a_flush_publishes_the_last_state_and_nothing_comes_after_it() -> None:
    state = State(rate=1)
    state.set(1)
    state.set(2)
    state.debouncer.flush()
    state.debouncer.flush()
    state.time.move(10)
    assert state.published == [1, 2]


def test_an_unreachable_store_does_not_block_and_is_tried_again() -> None:
    state = State(*[BroadcastUnavailable("away")] * 3, rate=1)
    state.set(1)
    state.set(2)
    assert state.calls == [100]
    state.time.move(10)
    assert (state.published, state.calls) == ([2], [100, 101, 102, 103])


def test_during_a_call_other_threads_trigger_without_waiting() -> None:
    calling, may_end, published = threading.Event(), threading.Event(), list[int]()
    value = 1

    def publish() -> None:
        calling.set()
        assert may_end.wait(PATIENCE)
        published.append(value)

    debouncer = Debouncer(publish, rate=1_000)
    first = threading.Thread(target=debouncer.trigger)
    first.start()
    assert calling.wait(PATIENCE)
    for value in range(2, 100):  # noqa: B007 - publish reads it
        debouncer.trigger()
    may_end.set()
    first.join(20)
    debouncer.flush()
    assert published[-1] == 99


def test_a_store_that_is_unreachable_to_the_end_is_an_error_of_the_flush() -> None:
    state = State(*[BroadcastUnavailable("away")] * 2, rate=1)
    state.set(1)
    with pytest.raises(BroadcastUnavailable):
        state.debouncer.flush()
    state.debouncer.flush()
    assert state.published == [1]


@pytest.mark.parametrize("error", [ProgressNotFound("gone"), RuntimeError("a fault")])
def test_any_other_error_is_raised_by_the_next_trigger_and_by_the_flush(error: Exception) -> None:
    state = State(rate=1)
    state.set(1)
    state.errors = [error] * 3
    state.set(2)
    state.time.move(10)
    assert state.calls == [100, 101], "not tried again in the background"
    with pytest.raises(type(error)):
        state.set(3)
    with pytest.raises(type(error)):
        state.debouncer.flush()
