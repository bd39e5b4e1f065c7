"""How far a channel of a shared store was delivered here: no gap, no repeat, nothing that our instances did not publish."""

from collections import deque
from collections.abc import Callable

from pattern_stack.atoms.broadcast.bridge.store import Arrival, Reading
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset

_QUEUED_EVENTS = 10_000
_REMEMBERED_EVENTS = 32


class ChannelTracker:
    """One subscribed channel. `deliver` is called with each next event, in the channel's order, and with resets.

    An arrival that has the offset of a delivered event, and other bytes, is doubtful: one of the two was never published,
    and only the store knows which.
    """

    __slots__ = ("_channel", "_deliver", "_delivered", "_queue", "position", "subscribed")

    def __init__(self, channel: str, deliver: Callable[[Event | Reset], None]) -> None:
        self._channel = channel
        self._deliver = deliver
        self._queue: list[Arrival] = []
        """What arrived while events before it are read from the store."""
        self._delivered: deque[int] = deque(maxlen=_REMEMBERED_EVENTS)
        """A hash of each of the newest events that were delivered."""
        self.subscribed = 0
        """How often the channel was subscribed and not unsubscribed."""
        self.position: Position | None = None
        """The newest delivered position; None until the store has told where the channel stands."""

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
        if arrival.epoch != here.epoch or arrival.offset > here.offset + 1 or self._is_doubtful(arrival):
            return False
        if arrival.offset == here.offset + 1:
            self._hand_over(Event(self._channel, arrival.body, here.epoch, arrival.offset), arrival.body)
        return True

    def _hand_over(self, event: Event, body: bytes) -> None:
        self.position = event.position
        self._delivered.append(hash(body))
        self._deliver(event)

    def _is_doubtful(self, arrival: Arrival) -> bool:
        assert self.position is not None
        epoch, offset = self.position
        before = offset - arrival.offset
        if arrival.epoch != epoch or not 0 <= before < len(self._delivered):
            return False
        return self._delivered[-1 - before] != hash(arrival.body)

    @property
    def doubtful(self) -> int | None:
        """The lowest offset of a doubtful arrival that is queued."""
        return min([arrival.offset for arrival in self._queue if self._is_doubtful(arrival)], default=None)

    def settle(self, offset: int, reading: Reading) -> None:
        """Reset, unless the store's event at this offset is the one that was delivered."""
        assert self.position is not None
        published = [
            Arrival(reading.epoch, reading.first, body) for body in reading.bodies[:1] if reading.first == offset
        ]
        if reading.epoch == self.position.epoch and (not published or self._is_doubtful(published[0])):
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
        if reading.epoch != here.epoch or reading.first != here.offset + 1 or not reading.bodies:
            self._reset(newest)
            return
        for event, body in zip(events_of(self._channel, reading), reading.bodies, strict=True):
            self._hand_over(event, body)

    def has_reached(self, reading: Reading) -> bool:
        """Whether it is where the store was, or further."""
        assert self.position is not None
        return self.position.epoch == reading.epoch and self.position.offset >= reading.offset

    def drop_unrecognised(self, known: int) -> int:
        """Drop those of the first `known` queued arrivals that lie beyond the store's newest position, or are doubtful still.

        They arrived before the store was asked, so the store never sent them. Returns how many there were.
        """
        before, later = self._queue[:known], self._queue[known:]
        kept = [arrival for arrival in before if self._may_be_published(arrival)]
        self._queue = kept + later
        return len(before) - len(kept)

    def _may_be_published(self, arrival: Arrival) -> bool:
        assert self.position is not None
        epoch, offset = self.position
        return arrival.epoch == epoch and arrival.offset <= offset and not self._is_doubtful(arrival)


def events_of(channel: str, reading: Reading) -> list[Event]:
    return [Event(channel, body, reading.epoch, offset) for offset, body in enumerate(reading.bodies, reading.first)]
