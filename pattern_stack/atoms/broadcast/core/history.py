"""A bounded window of one channel's events, and replay since a position."""

from collections import deque
from dataclasses import dataclass
from itertools import islice

from pattern_stack.atoms.bounds import check_bounds
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position

KEY_SECONDS = 300
"""How long a channel remembers the key of a publish, within its epoch."""
_NONE: deque[float] = deque(maxlen=0)


@dataclass(frozen=True, slots=True)
class History:
    """How much of a channel is kept for those who come back: whichever bound is reached first trims it.

    Each is a finite number, 0 or more; `events` and `bytes` are whole ones. Raises TypeError or ValueError otherwise.
    """

    events: int = 256
    """The newest so many."""
    seconds: float = 300
    """Seconds since an event was published."""
    bytes: int = 16 * 1_048_576
    """Encoded bytes of the events that are kept."""

    def __post_init__(self) -> None:
        check_bounds(self)


class Log:
    """One channel: its position, and the newest events as far as its window reaches."""

    __slots__ = ("_events", "_keys", "_size", "_times", "epoch", "moved", "offset", "subscribed", "touched", "window")

    def __init__(self, epoch: str, window: History, now: float) -> None:
        self.epoch = epoch
        self.window = window
        self.offset = 0
        self.subscribed = 0
        self.touched = now
        self.moved = now
        """There was no event since."""
        # most channels that are asked for never carry an event
        self._events: deque[Event] | None = None
        self._times: deque[float] = _NONE
        self._keys: dict[str, tuple[int, float]] | None = None
        """The offset of each keyed publish and its time, the oldest first."""
        self._size = 0

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.offset)

    @property
    def idle_seconds(self) -> float:
        """How long it is kept while nobody is on it."""
        return self.window.seconds if self._keys is None else max(self.window.seconds, KEY_SECONDS)

    def repeated(self, draft: Draft, now: float) -> Event | None:
        """The event that was published with the draft's key within 300 s; its place alone, where it is no longer kept."""
        if draft.key is None or self._keys is None:
            return None
        self._forget_keys(self._keys, now)
        if draft.key not in self._keys:
            return None
        offset, _ = self._keys[draft.key]
        self.trim(now)
        before = self.offset - offset
        kept = self._events or ()
        if before < len(kept):
            return kept[-1 - before]
        return Event.without_payload(draft.channel, self.epoch, offset)

    def _forget_keys(self, keys: dict[str, tuple[int, float]], now: float) -> None:
        while keys:
            key, (_, when) = next(iter(keys.items()))
            if when >= now - KEY_SECONDS:
                break
            del keys[key]

    def append(self, draft: Draft, now: float) -> Event:
        self.offset += 1
        event = draft.at(self.epoch, self.offset)
        if self._events is None:
            self._events, self._times = deque(), deque()
        self._events.append(event)
        self._times.append(now)
        self._size += len(event.data)
        if draft.key is not None:
            self._remember(draft.key, now)
        self.touched = self.moved = now
        self.trim(now)
        return event

    def _remember(self, key: str, now: float) -> None:
        if self._keys is None:
            self._keys = {}
        self._forget_keys(self._keys, now)
        self._keys[key] = (self.offset, now)

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

    def last(self, count: int, until: Position) -> list[Event]:
        """The newest events up to `until`, without a gap, or as many of them as are kept."""
        kept = self._events or ()
        if until.epoch != self.epoch:
            return []
        end = len(kept) - (self.offset - until.offset)
        return list(islice(kept, max(end - count, 0), max(end, 0)))
