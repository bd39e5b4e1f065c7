"""What a hub sends in one turn of the loop is bounded, and nothing is out of order for that."""

from pattern_stack.atoms.broadcast.core.event import Event, encode
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.websocket.frames import Batch

MIB = 1_048_576


class Subscriber:
    limit = 2**62
    write_prepared = None

    def __init__(self) -> None:
        self.got: list[int] = []

    def take(self, batch: Batch, turn: int | None = None) -> None:
        self.got += [event.offset for event in batch.frames if isinstance(event, Event)]

    def channel_ended(self, channel: str) -> None: ...

    def too_slow(self) -> None: ...


class Fixture:
    def __init__(self, subscribers: int) -> None:
        self.turns = 0
        self.due = False
        self.hub = Hub(self._schedule, turn_bytes=8 * MIB)
        self.subscribers = [Subscriber() for _ in range(subscribers)]
        self.offset = 0
        for subscriber in self.subscribers:
            self.hub.join("a", subscriber)
            self.hub.stop_buffering("a", subscriber)

    def _schedule(self) -> None:
        assert not self.due
        self.due = True

    def publish(self, size: int) -> None:
        self.offset += 1
        self.hub.publish(encode("a", "e", {"x": "x" * size}, limits=Limits(event_bytes=2 * MIB)).at("k", self.offset))

    def turn(self) -> int:
        """How many events were handed over in it."""
        before = sum(len(one.got) for one in self.subscribers)
        assert self.due
        self.due = False
        self.hub.flush()
        return sum(len(one.got) for one in self.subscribers) - before


def test_a_big_event_goes_to_a_few_subscribers_a_turn() -> None:
    it = Fixture(500)
    it.publish(MIB)
    turns = []
    while it.due:
        turns.append(it.turn())
    assert max(turns) <= 8
    assert all(one.got == [1] for one in it.subscribers)


def test_small_events_to_many_leave_in_one_turn() -> None:
    it = Fixture(5_000)
    it.publish(100)
    assert it.turn() == 5_000
    assert not it.due


def test_later_events_wait_behind_a_big_one() -> None:
    it = Fixture(20)
    it.publish(MIB)
    it.turn()
    it.publish(10)
    while it.due:
        it.turn()
        assert all(one.got in ([], [1], [1, 2]) for one in it.subscribers)
    assert all(one.got == [1, 2] for one in it.subscribers)


def test_what_has_to_come_behind_an_event_gets_it_out_first() -> None:
    it = Fixture(20)
    it.publish(MIB)
    it.turn()
    last = it.subscribers[-1]
    assert last.got == []
    it.hub.flush_to(last)
    assert last.got == [1]
    it.hub.leave("a", it.subscribers[-2])
    assert it.subscribers[-2].got == [1]
    while it.due:
        it.turn()
    assert all(one.got == [1] for one in it.subscribers)
