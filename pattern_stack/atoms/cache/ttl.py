"""Entries by kind and key that age by a clock that is given in, and tell when they change."""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pattern_stack.atoms.clock import Clock

logger = logging.getLogger(__name__)

_MOMENT = 0.001
"""Seconds: more than what floats lose of a time."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an entry of a kind is fresh, and what becomes of a stale one.

    `seconds` is a positive number, 0 (always stale) or None (never). A stale entry is left out, or, with `serve_stale`,
    read all the same, and a refresh of it asked for. ValueError for another number.
    """

    seconds: float | None
    serve_stale: bool = False

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 <= self.seconds < float("inf"):
            raise ValueError(f"an entry is fresh for 0 or more seconds, or for ever (None), not {self.seconds}")


class Change(NamedTuple):
    """What subscribers are told. `new` is None for an entry that went, `old` for one that came."""

    kind: str
    key: Hashable
    old: Any
    new: Any


class _Entry:
    __slots__ = ("asked", "time", "value")

    def __init__(self, value: Any, time: datetime) -> None:
        self.value = value
        self.time = time
        self.asked: datetime | None = None


class Cache:
    """Entries of the kinds that `lifetimes` names; KeyError for any other.

    A time that lies in the future, because it was given so or because the clock has been set back, counts as now: no entry
    is fresh for longer than its kind allows. `refresh(kind, key)` is called when a stale entry is served, and again for it
    when that has brought nothing for another lifetime.
    """

    def __init__(
        self,
        lifetimes: Mapping[str, Lifetime],
        clock: Clock,
        refresh: Callable[[str, Hashable], None] = lambda kind, key: None,
    ) -> None:
        self._lifetimes = dict(lifetimes)
        self._entries: dict[str, dict[Hashable, _Entry]] = {kind: {} for kind in lifetimes}
        self._clock = clock
        self._refresh = refresh
        self._subscribers: dict[object, Callable[[Change], None]] = {}
        self._seen, self._due = float("inf"), float("-inf")
        """Between these times nothing has to be swept. Before the first, the clock has been set back since."""

    def subscribe(self, told: Callable[[Change], None]) -> Callable[[], None]:
        """`told` is called at once with each change. What it raises is logged. Returns what ends it."""
        handle = object()
        self._subscribers[handle] = told

        def end() -> None:
            self._subscribers.pop(handle, None)

        return end

    # -- in

    def upsert(self, kind: str, key: Hashable, value: Any, time: datetime | None = None) -> None:
        """The entry is as old as `time` says: now, where it says nothing."""
        before, now = self._entries[kind].get(key), self._clock()
        entry = self._entries[kind][key] = _Entry(value, min(time or now, now))
        self._seen = max(self._seen, now.timestamp())
        self._due = min(self._due, self._end(kind, entry))
        self._tell(Change(kind, key, before.value if before else None, value))

    def remove(self, kind: str, key: Hashable) -> bool:
        """Whether it was there. Nobody is told of one that was not."""
        entry = self._entries[kind].pop(key, None)
        if entry is None:
            return False
        self._tell(Change(kind, key, entry.value, None))
        return True

    def sweep(self) -> None:
        """Remove the stale entries that nobody may read any more."""
        now = self._clock()
        if self._seen <= now.timestamp() < self._due:
            return
        kinds = [kind for kind, lifetime in self._lifetimes.items() if not lifetime.serve_stale]
        gone = [
            (kind, key) for kind in kinds for key, entry in self._entries[kind].items() if self._is_stale(kind, entry)
        ]
        for kind, key in gone:
            self.remove(kind, key)
        left = (self._end(kind, entry) for kind in kinds for entry in self._entries[kind].values())
        self._seen, self._due = now.timestamp(), min(left, default=float("inf"))

    def _end(self, kind: str, entry: _Entry) -> float:
        """When it has to be swept, a moment too early rather than too late."""
        lifetime = self._lifetimes[kind]
        if lifetime.seconds is None or lifetime.serve_stale:
            return float("inf")
        return entry.time.timestamp() + lifetime.seconds - _MOMENT

    # -- out

    def get(self, kind: str, key: Hashable) -> Any:
        """The value; None where there is none to read."""
        entry = self._entries[kind].get(key)
        return entry.value if entry and self._may_be_read(kind, key, entry) else None

    def items(self, kind: str) -> Iterator[tuple[Hashable, Any]]:
        """Those that may be read, in the order in which they came."""
        for key, entry in list(self._entries[kind].items()):
            if self._may_be_read(kind, key, entry):
                yield key, entry.value

    def has(self, kind: str, key: Hashable) -> bool:
        """Whether there is an entry, however old."""
        return key in self._entries[kind]

    def count(self, kind: str) -> int:
        """How many entries there are, however old."""
        return len(self._entries[kind])

    def held(self, kind: str) -> list[tuple[Hashable, Any]]:
        """All that is there, however old; no refresh is asked for."""
        return [(key, entry.value) for key, entry in self._entries[kind].items()]

    def _may_be_read(self, kind: str, key: Hashable, entry: _Entry) -> bool:
        if not self._is_stale(kind, entry):
            return True
        if self._lifetimes[kind].serve_stale:
            self._ask(kind, key, entry)
            return True
        return False

    def _is_stale(self, kind: str, entry: _Entry) -> bool:
        seconds = self._lifetimes[kind].seconds
        if seconds is None:
            return False
        now = self._clock()
        if now < entry.time:
            entry.time = now
            self._due = min(self._due, self._end(kind, entry))
        return (now - entry.time).total_seconds() >= seconds

    def _ask(self, kind: str, key: Hashable, entry: _Entry) -> None:
        now = self._clock()
        again = self._lifetimes[kind].seconds or 0
        if entry.asked is None or not 0 <= (now - entry.asked).total_seconds() < again:
            entry.asked = now
            self._refresh(kind, key)

    def _tell(self, change: Change) -> None:
        for told in list(self._subscribers.values()):
            try:
                told(change)
            except Exception:
                logger.exception("%r failed on a change of %s", told, change.kind)
