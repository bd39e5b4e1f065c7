"""A tracker against a plain model: a store that publishes, loses and begins anew, and a line that drops, repeats and lies."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pattern_stack.atoms.broadcast.bridge import tracker as module
from pattern_stack.atoms.broadcast.bridge.epoch import continues
from pattern_stack.atoms.broadcast.bridge.store import Arrival, Reading
from pattern_stack.atoms.broadcast.bridge.tracker import ChannelTracker
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset
from tests.support.examples import examples

CHANNEL = "a"
KEPT = 4
PIECE = 2


class Machine(RuleBasedStateMachine):
    """What the engine does with a tracker: deliver, or queue and read; each read is one piece."""

    @initialize()
    def start(self) -> None:
        self.epochs = 0
        self.count = 0
        self.period = 0
        self.began: int | None = None
        self.published: list[bytes] = []
        self.line: list[Arrival] = []
        self.got: list[Event | Reset] = []
        self.behind = False
        self.tracker = ChannelTracker(CHANNEL, self.got.append)
        self.tracker.position = Position(self.epoch, 0)

    @property
    def epoch(self) -> str:
        """The channel's; before its first event, the one that this would begin now."""
        return f"e{self.epochs}-{self.period if self.began is None else self.began}"

    # -- the store

    @rule(count=st.integers(1, 3))
    def publish(self, count: int) -> None:
        self.began = self.period if self.began is None else self.began
        for _ in range(count):
            self.count += 1
            self.published.append(b'{"n":%d}' % self.count)
            self.line.append(Arrival(self.epoch, len(self.published), self.published[-1]))

    @rule()
    def begin_anew(self) -> None:
        self.epochs += 1
        self.began = None
        self.published = []

    @rule()
    def wait_six_hours(self) -> None:
        self.period += 1

    # -- the line

    @rule(repeat=st.booleans())
    def arrive(self, repeat: bool) -> None:
        if self.line:
            self._arrive(self.line[0] if repeat else self.line.pop(0))

    @rule()
    def lose(self) -> None:
        """The link breaks: what was on its way is gone, and the link says so."""
        self.line.clear()
        self.behind = True

    @rule(epoch=st.sampled_from(["e0-0", "nobody's"]), ahead=st.integers(2, 5))
    def forge(self, epoch: str, ahead: int) -> None:
        """A message of nobody's epoch, or beyond what was published."""
        offset = len(self.published) + ahead if epoch == self.epoch else 1
        self._arrive(
            Arrival(self.epoch if epoch == "e0" else epoch, max(offset, len(self.published) + ahead), b'{"n":0}')
        )

    @precondition(lambda self: self.tracker.position.offset and self.tracker.position.epoch == self.epoch)
    @rule()
    def forge_a_repeat(self) -> None:
        self._arrive(Arrival(self.epoch, self.tracker.position.offset, b'{"n":0}'))  # type: ignore[union-attr]

    def _arrive(self, arrival: Arrival) -> None:
        if self.behind or not self.tracker.deliver_if_next(arrival):
            self.tracker.queue(arrival)
            self.behind = True

    # -- the engine

    @rule()
    def catch_up(self) -> None:
        tracker, known = self.tracker, self.tracker.queued
        assert tracker.position is not None
        if (offset := tracker.to_compare) is not None:
            tracker.compare(offset, self._read(Position(tracker.position.epoch, offset - 1)))
        here = tracker.position
        reading = self._read(here)
        tracker.apply(here, reading)
        if tracker.has_reached(reading):
            tracker.drop_unrecognised(known)
            self.behind = not tracker.deliver_queued()

    def _read(self, since: Position) -> Reading:
        newest = len(self.published)
        first = max(since.offset + 1, newest - KEPT + 1)
        if not continues(since.epoch, self.epoch):
            return Reading(self.epoch, newest, since.offset + 1, [])
        return Reading(self.epoch, newest, first, self.published[first - 1 : first - 1 + PIECE])

    # -- what holds at any time

    @invariant()
    def what_is_delivered_has_no_gap_no_repeat_and_no_forgery(self) -> None:
        here = Position("e0-0", 0)
        for one in self.got:
            if isinstance(one, Event):
                assert one.offset == here.offset + 1
                assert continues(here.epoch, one.epoch) or not here.offset
                assert one.epoch == here.epoch or one.offset == 1
                assert one.data.startswith(b'{"n":')
                assert not one.data.startswith(b'{"n":0')
            here = one.position
        assert self.tracker.position is not None
        assert self.tracker.position.offset == here.offset
        assert continues(here.epoch, self.tracker.position.epoch) or not here.offset

    @rule()
    def in_the_end_it_is_where_the_store_is(self) -> None:
        while self.line:
            self.arrive(repeat=False)
        for _ in range(KEPT + 2):
            self.catch_up()
        assert not self.behind
        assert self.tracker.queued == 0
        assert self.tracker.position is not None
        assert self.tracker.position.offset == len(self.published)
        assert continues(self.tracker.position.epoch, self.epoch)


TestTracker = Machine.TestCase
TestTracker.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)


def tracking() -> tuple[ChannelTracker, list[Event | Reset]]:
    got: list[Event | Reset] = []
    one = ChannelTracker(CHANNEL, got.append)
    one.position = Position("e", 0)
    return one, got


def test_a_forged_event_that_took_the_place_of_a_published_one_is_a_reset() -> None:
    one, got = tracking()
    assert one.deliver_if_next(Arrival("e", 1, b'{"forged":1}'))
    published = Arrival("e", 1, b'{"published":1}')
    assert not one.deliver_if_next(published)
    one.queue(published)
    assert one.to_compare == 1
    one.compare(1, Reading("e", 1, 1, [published.body]))
    assert [type(each) for each in got] == [Event, Reset]
    assert one.to_compare is None
    assert one.drop_unrecognised(1) == 0
    assert one.deliver_queued()
    assert len(got) == 2


def test_a_forged_repeat_of_a_published_event_is_dropped() -> None:
    one, got = tracking()
    assert one.deliver_if_next(Arrival("e", 1, b'{"published":1}'))
    one.queue(Arrival("e", 1, b'{"forged":1}'))
    one.compare(1, Reading("e", 1, 1, [b'{"published":1}']))
    assert one.drop_unrecognised(1) == 1
    assert one.queued == 0
    assert [type(each) for each in got] == [Event]


def test_a_doubtful_event_that_the_store_no_longer_has_is_a_reset() -> None:
    one, got = tracking()
    assert one.deliver_if_next(Arrival("e", 1, b'{"one":1}'))
    one.queue(Arrival("e", 1, b'{"another":1}'))
    one.compare(1, Reading("e", 9, 5, [b'{"five":1}']))
    assert isinstance(got[-1], Reset)
    assert got[-1].position == Position("e", 9)


def test_a_channel_that_began_anew_under_the_same_epoch_is_a_reset() -> None:
    """All of its keys were deleted: its events come under offsets that were delivered long ago."""
    one, got = tracking()
    for offset in range(1, 100):
        assert one.deliver_if_next(Arrival("e", offset, b'{"old":%d}' % offset))
    assert not one.deliver_if_next(Arrival("e", 1, b'{"new":1}'))
    one.queue(Arrival("e", 1, b'{"new":1}'))
    assert one.to_compare == 99
    one.apply(Position("e", 99), Reading("e", 1, 100, []))
    assert isinstance(got[-1], Reset)
    assert got[-1].position == Position("e", 1)


def test_a_repeat_from_long_ago_costs_one_look() -> None:
    one, got = tracking()
    for offset in range(1, 100):
        assert one.deliver_if_next(Arrival("e", offset, b'{"n":%d}' % offset))
    for offset in range(1, 50):
        one.queue(Arrival("e", offset, b'{"n":%d}' % offset))
    assert one.to_compare == 99
    one.compare(99, Reading("e", 99, 99, [b'{"n":99}']))
    assert one.drop_unrecognised(49) == 0
    assert one.queued == 0
    assert len(got) == 99


def test_a_queue_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest is kept: it tells that there is something to read."""
    monkeypatch.setattr(module, "_QUEUED_EVENTS", 3)
    one, _ = tracking()
    for offset in range(2, 10):
        one.queue(Arrival("e", offset, b"{}"))
    assert [arrival.offset for arrival in one._queue] == [2, 3, 9]
