"""A bounded window of one channel's events, and replay since a position."""

from collections import deque
from dataclasses import dataclass
from itertools import islice

from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position

_NONE: deque[float] = deque(maxlen=0)


@dataclass(frozen=True, slots=True)
class History:
    """How much of a channel is kept for those who come back: whichever bound is reached first trims it."""

    events: int = 256
    seconds: float = 300
    bytes: int = 16 * 1_048_576


class Log:
    """One channel: its position, and the newest events as far as its window reaches."""

    __slots__ = ("_events", "_size", "_times", "epoch", "offset", "subscribed", "touched", "window")

    def __init__(self, epoch: str, window: History, now: float) -> None:
        self.epoch = epoch
        self.window = window
        self.offset = 0
        self.subscribed = 0
        self.touched = now
        # most channels that are asked for never carry an event
        self._events: deque[Event] | None = None
        self._times: deque[float] = _NONE
        self._size = 0

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.offset)

    def append(self, draft: Draft, now: float) -> Event:
        self.offset += 1
        event = draft.at(self.epoch, self.offset)
        if self._events is None:
            self._events, self._times = deque(), deque()
        self._events.append(event)
        self._times.append(now)
        self._size += len(event.data)
        self.touched = now
        self.trim(now)
        return event

    def trim(self, now: float) -> None:
        events, times, window = self._events, self._times, self.window
        while events and (len(events) > window.events or self._size > window.bytes or times[0] < now - window.seconds):
            times.popleft()
            self._size -= len(events.popleft().data)

    def since(self, since: Position, until: Position) -> list[Event] | None:
        if since.epoch != self.epoch or not since.offset <= until.offset <= self.offset:
            return None
        kept = self._events or ()
        start = len(kept) - (self.offset - since.offset)
        if start < 0:
            return None
        return list(islice(kept, start, start + until.offset - since.offset))
