"""How far a channel of a shared store was delivered here: no gap, no repeat, nothing that our instances did not publish."""

from collections import deque
from collections.abc import Callable
from time import monotonic

from pattern_stack.atoms.broadcast.bridge.epoch import continues
from pattern_stack.atoms.broadcast.bridge.store import Arrival, Reading
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset

_QUEUED_EVENTS = 10_000
_REMEMBERED_EVENTS = 32


class ChannelTracker:
    """One subscribed channel. `deliver` is called with each next event, in the channel's order, and with resets.

    An arrival that has the offset of a delivered event is a repeat where the bytes are the same. It is doubtful where they
    are not, or the event was delivered too long ago: one of the two was never published, or the channel has begun anew.
    Only the store knows.
    """

    __slots__ = ("_channel", "_deliver", "_delivered", "_position", "_queue", "moved", "subscribed")

    def __init__(self, channel: str, deliver: Callable[[Event | Reset], None]) -> None:
        self._channel = channel
        self._deliver = deliver
        self._queue: list[Arrival] = []
        """What arrived while events before it are read from the store."""
        self._delivered: deque[int] = deque(maxlen=_REMEMBERED_EVENTS)
        """A hash of each of the newest events that were delivered."""
        self.subscribed = 0
        """How often the channel was subscribed and not unsubscribed."""
        self._position: Position | None = None
        self.moved = monotonic()
        """When the position was set last."""

    @property
    def position(self) -> Position | None:
        """The newest delivered position; None until the store has told where the channel stands."""
        return self._position

    @position.setter
    def position(self, position: Position | None) -> None:
        self._position = position
        self.moved = monotonic()

    @property
    def queued(self) -> int:
        return len(self._queue)

    def queue(self, arrival: Arrival) -> None:
        """Keep it until the events before it are here. Past 10,000 only the newest is kept: the others are read later."""
        if len(self._queue) < _QUEUED_EVENTS:
            self._queue.append(arrival)
        else:
            self._queue[-1] = arrival

    def deliver_if_next(self, arrival: Arrival) -> bool:
        """Deliver it if it is the next event, drop it if it is a repeat. False if events are missing before it, or it is
        doubtful."""
        here = self.position
        assert here is not None
        if not continues(here.epoch, arrival.epoch) or arrival.offset > here.offset + 1 or self._is_doubtful(arrival):
            return False
        if arrival.offset == here.offset + 1:
            self._hand_over(Event(self._channel, arrival.body, arrival.epoch, arrival.offset), arrival.body)
        return True

    def _hand_over(self, event: Event, body: bytes) -> None:
        self.position = event.position
        self._delivered.append(hash(body))
        self._deliver(event)

    def _is_doubtful(self, arrival: Arrival) -> bool:
        assert self.position is not None
        if arrival.epoch != self.position.epoch or arrival.offset > self.position.offset:
            return False
        return self._hash_at(arrival.offset) != hash(arrival.body)

    def _hash_at(self, offset: int) -> int | None:
        assert self.position is not None
        before = self.position.offset - offset
        return self._delivered[-1 - before] if 0 <= before < len(self._delivered) else None

    @property
    def to_compare(self) -> int | None:
        """The offset of a delivered event that has to be compared with the store's, because an arrival is doubtful."""
        offsets = [arrival.offset for arrival in self._queue if self._is_doubtful(arrival)]
        if not offsets or not self._delivered:
            return None
        assert self.position is not None
        return min([offset for offset in offsets if self._hash_at(offset) is not None], default=self.position.offset)

    def compare(self, offset: int, reading: Reading) -> None:
        """Reset, unless the store's event at this offset is the one that was delivered."""
        assert self.position is not None
        stored = reading.bodies[0] if reading.bodies and reading.first == offset else None
        if reading.epoch == self.position.epoch and (stored is None or hash(stored) != self._hash_at(offset)):
            self._reset(Position(reading.epoch, reading.offset))

    def _reset(self, newest: Position) -> None:
        self.position = newest
        self._delivered.clear()
        self._deliver(Reset(self._channel, newest))

    def deliver_queued(self) -> bool:
        """Deliver what was queued. False if events are missing before the first that stays queued."""
        queue, self._queue = self._queue, []
        for index, arrival in enumerate(queue):
            if not self.deliver_if_next(arrival):
                self._queue = queue[index:]
                return False
        return True

    def apply(self, here: Position, reading: Reading) -> None:
        """Deliver what the store has after `here`, or a reset if it no longer has the next event."""
        newest = Position(reading.epoch, reading.offset)
        if newest == here:
            return
        if newest.offset == here.offset == 0 and continues(here.epoch, newest.epoch):
            self.position = newest
            return
        if not continues(here.epoch, reading.epoch) or reading.first != here.offset + 1 or not reading.bodies:
            self._reset(newest)
            return
        for event, body in zip(events_of(self._channel, reading), reading.bodies, strict=True):
            self._hand_over(event, body)

    def has_reached(self, reading: Reading) -> bool:
        """Whether it is where the store was, or further."""
        assert self.position is not None
        return self.position.epoch == reading.epoch and self.position.offset >= reading.offset

    def drop_unrecognised(self, known: int) -> int:
        """Drop those of the first `known` queued arrivals that are repeats, or were never published.

        They arrived before the store was asked. Returns how many lie beyond the store's newest position, or have other bytes
        than the event that it has.
        """
        assert self.position is not None
        before, self._queue = self._queue[:known], self._queue[known:]
        repeats = [arrival for arrival in before if self._may_be_repeat(arrival)]
        return len(before) - len(repeats)

    def _may_be_repeat(self, arrival: Arrival) -> bool:
        assert self.position is not None
        if arrival.epoch != self.position.epoch or arrival.offset > self.position.offset:
            return False
        return self._hash_at(arrival.offset) in (None, hash(arrival.body))


def events_of(channel: str, reading: Reading) -> list[Event]:
    return [Event(channel, body, reading.epoch, offset) for offset, body in enumerate(reading.bodies, reading.first)]
