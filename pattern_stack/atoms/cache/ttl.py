"""A cache whose entries age by a given clock, with subscribers that get each change."""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pattern_stack.atoms.clock import Clock

logger = logging.getLogger(__name__)

_MARGIN = 0.001
"""Seconds. More than what a time loses as a float."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long entries of a kind are fresh.

    `seconds`: 0 is always stale, None never. A stale entry cannot be read; with `serve_stale` it can, and a refresh is
    requested. Raises ValueError for negative, infinite and NaN seconds.
    """

    seconds: float | None
    serve_stale: bool = False

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 <= self.seconds < float("inf"):
            raise ValueError(f"a lifetime is 0 or more seconds, or None, not {self.seconds}")


class Change(NamedTuple):
    """What subscribers get. `old` is None for a new entry, `new` for a removed one."""

    kind: str
    key: Hashable
    old: Any
    new: Any


class _Entry:
    __slots__ = ("refresh_requested", "time", "value")

    def __init__(self, value: Any, time: datetime) -> None:
        self.value = value
        self.time = time
        self.refresh_requested: datetime | None = None


class Cache:
    """Entries by kind and key. `lifetimes` names the kinds; any other raises KeyError. Not thread-safe.

    No entry is fresh for longer than its kind allows: a time in the future, given so or because the clock was set back, counts
    as now. `refresh(kind, key)` is called when a stale entry is served, and once more for each further lifetime without an
    upsert.
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
        self._looked, self._due = float("inf"), float("-inf")
        """There is nothing to sweep between these times. A time before the first means that the clock was set back."""

    def subscribe(self, changed: Callable[[Change], None]) -> Callable[[], None]:
        """`changed` is called with each change, before the call that made it returns. What it raises is logged.

        Returns a function that ends the subscription.
        """
        handle = object()
        self._subscribers[handle] = changed

        def end() -> None:
            self._subscribers.pop(handle, None)

        return end

    # -- writing

    def upsert(self, kind: str, key: Hashable, value: Any, time: datetime | None = None) -> None:
        """Write an entry. `time`: when its value was confirmed; None is now."""
        before, now = self._entries[kind].get(key), self._clock()
        entry = self._entries[kind][key] = _Entry(value, min(time or now, now))
        self._looked = max(self._looked, now.timestamp())
        self._due = min(self._due, self._end(kind, entry))
        self._notify(Change(kind, key, before.value if before else None, value))

    def remove(self, kind: str, key: Hashable) -> bool:
        """Returns whether there was such an entry. If not, subscribers get nothing."""
        entry = self._entries[kind].pop(key, None)
        if entry is None:
            return False
        self._notify(Change(kind, key, entry.value, None))
        return True

    def sweep(self) -> None:
        """Remove the stale entries that cannot be read any more."""
        now = self._clock()
        if self._looked <= now.timestamp() < self._due:
            return
        kinds = [kind for kind, lifetime in self._lifetimes.items() if not lifetime.serve_stale]
        gone = [
            (kind, key) for kind in kinds for key, entry in self._entries[kind].items() if self._is_stale(kind, entry)
        ]
        for kind, key in gone:
            self.remove(kind, key)
        left = (self._end(kind, entry) for kind in kinds for entry in self._entries[kind].values())
        self._looked, self._due = now.timestamp(), min(left, default=float("inf"))

    def _end(self, kind: str, entry: _Entry) -> float:
        """The time at which the entry has to be swept; a little too early rather than too late."""
        lifetime = self._lifetimes[kind]
        if lifetime.seconds is None or lifetime.serve_stale:
            return float("inf")
        return entry.time.timestamp() + lifetime.seconds - _MARGIN

    # -- reading

    def get(self, kind: str, key: Hashable) -> Any:
        """The value; None where no entry can be read."""
        entry = self._entries[kind].get(key)
        return entry.value if entry and self._is_readable(kind, key, entry) else None

    def items(self, kind: str) -> Iterator[tuple[Hashable, Any]]:
        """The entries that can be read, as (key, value), oldest first by their first upsert."""
        for key, entry in list(self._entries[kind].items()):
            if self._is_readable(kind, key, entry):
                yield key, entry.value

    def has(self, kind: str, key: Hashable) -> bool:
        """Whether there is an entry, however old."""
        return key in self._entries[kind]

    def count(self, kind: str) -> int:
        """How many entries there are, however old."""
        return len(self._entries[kind])

    def held(self, kind: str) -> list[tuple[Hashable, Any]]:
        """All entries as (key, value), however old. Requests no refresh."""
        return [(key, entry.value) for key, entry in self._entries[kind].items()]

    def _is_readable(self, kind: str, key: Hashable, entry: _Entry) -> bool:
        if not self._is_stale(kind, entry):
            return True
        if self._lifetimes[kind].serve_stale:
            self._request_refresh(kind, key, entry)
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

    def _request_refresh(self, kind: str, key: Hashable, entry: _Entry) -> None:
        now = self._clock()
        interval = self._lifetimes[kind].seconds or 0
        if entry.refresh_requested is None or not 0 <= (now - entry.refresh_requested).total_seconds() < interval:
            entry.refresh_requested = now
            self._refresh(kind, key)

    def _notify(self, change: Change) -> None:
        for changed in list(self._subscribers.values()):
            try:
                changed(change)
            except Exception:
                logger.exception("%r failed on a change of %s", changed, change.kind)
