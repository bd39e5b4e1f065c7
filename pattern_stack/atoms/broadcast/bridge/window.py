"""The newest events of one channel, as they were delivered here: what clients that come back are sent."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.core.history import History


class Window:
    """Events of one epoch without a gap, up to the newest delivered one. It may begin later than what the store keeps."""

    __slots__ = ("_bounds", "_events", "epoch", "floor", "readers", "size", "start", "used", "wanted")

    def __init__(self, at: Position, bounds: History) -> None:
        self._bounds = bounds
        self._events: deque[Event] = deque()
        self.epoch, self.start = at
        """`start`: the offset of the event before the first that is here."""
        self.floor = 0
        """The store has nothing of what comes before the event after this offset."""
        self.wanted = self.start
        """The lowest offset that a reader wants to go on from."""
        self.readers = 0
        """Calls that want something of it: while there is one, nothing is dropped."""
        self.size = 0
        """Bytes of all its events."""
        self.used = 0.0

    @property
    def end(self) -> int:
        return self.start + len(self._events)

    def append(self, event: Event) -> None:
        """The next event of the channel."""
        self._events.append(event)
        self.size += len(event.data)
        self.trim()

    def prepend(self, events: Sequence[Event]) -> None:
        """Those before its first event."""
        self._events.extendleft(reversed(events))
        self.start -= len(events)
        self.size += sum([len(event.data) for event in events])

    def trim(self) -> None:
        """Drop the oldest events that the channel's History does not keep."""
        while not self.readers and (len(self._events) > self._bounds.events or self.size > self._bounds.bytes):
            self.size -= len(self._events.popleft().data)
            self.start += 1

    def between(self, since: int, until: int) -> list[Event] | None:
        """The events after one offset up to another; None where not all of them are here."""
        if not self.start <= since <= until <= self.end:
            return None
        return list(islice(self._events, since - self.start, until - self.start))
