"""Where records are kept: a bounded number of each kind, for a bounded time."""

from abc import ABC, abstractmethod
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pattern_stack.atoms.clock import Clock, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many records of each kind are kept, and for how many seconds after their timestamp. The oldest are removed first."""

    notifications: int = 1_000
    alerts: int = 1_000
    progress: int = 10_000
    runs: int = 10_000
    seconds: float = 7 * 86_400

    def count(self, kind: str) -> int:
        count: int = getattr(self, kind)
        return count


class Row(NamedTuple):
    """A record as a store sees it."""

    key: str
    data: bytes
    """The record as JSON."""
    timestamp: float
    """Seconds since 1970."""
    tags: frozenset[str]
    """What a list can be filtered by, like `severity=high`. Without line breaks."""


class Rows(NamedTuple):
    """A page of a list, newest first."""

    data: list[bytes]
    total: int
    """How many rows match, on all pages."""
    next: int | None
    """Passed as `before`, it gives the page that follows. None at the end."""


PAGE_BYTES = 1024 * 1024
"""A page ends before the row with which it would have more bytes of data. It has at least one row."""


class Store(ABC):
    """Rows by kind and key. The rows of a kind are ordered by their last write with a new timestamp.

    A write with the same timestamp keeps a row in its place. Every method may raise BroadcastUnavailable.
    """

    @abstractmethod
    async def get(self, kind: str, key: str) -> bytes | None:
        """The row's data, or None."""

    @abstractmethod
    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        """Compare-and-set: replace `old` by `new`, where None is no row. False, without a change, if the data is not `old`.

        True also if it is `new` already, so that a swap whose answer was lost can be repeated.
        """

    @abstractmethod
    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        """The last rows with all these tags, the last first: at most `limit` of them, and PAGE_BYTES.

        `before` is the `next` of the page before. Rows that are written or removed meanwhile shift nothing: no other row
        is missing or comes twice.
        """

    @abstractmethod
    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        """How many rows have all these tags."""

    @abstractmethod
    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        """The keys of the rows with all these tags."""

    @abstractmethod
    async def clear(self, kind: str, tags: Collection[str]) -> int:
        """Remove the rows with all these tags. Returns how many there were."""


class _Placed(NamedTuple):
    place: int
    row: Row


class MemoryStore(Store):
    """Rows in this process. No method waits, so a change and its event can be one step of the loop."""

    def __init__(self, retention: Retention, clock: Clock = utc_now) -> None:
        self._retention = retention
        self._clock = clock
        self._kinds: defaultdict[str, OrderedDict[str, _Placed]] = defaultdict(OrderedDict)
        self._last_place = 0

    async def get(self, kind: str, key: str) -> bytes | None:
        placed = self._rows(kind).get(key)
        return placed.row.data if placed else None

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        rows = self._rows(kind)
        current = rows.get(key)
        if (current.row.data if current else None) not in (old, new.data if new else None):
            return False
        if new is None:
            rows.pop(key, None)
            return True
        if current and current.row.timestamp == new.timestamp:
            rows[key] = _Placed(current.place, new)
        else:
            self._last_place += 1
            rows[key] = _Placed(self._last_place, new)
            rows.move_to_end(key)
        self._trim(kind, rows)
        return True

    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        found = [*self._with(kind, tags)]
        data, size, place = list[bytes](), 0, before
        for placed in reversed(found):
            if before is not None and placed.place >= before:
                continue
            size += len(placed.row.data)
            if len(data) == limit or (data and size > PAGE_BYTES):
                return Rows(data, len(found), place)
            data.append(placed.row.data)
            place = placed.place
        return Rows(data, len(found), None)

    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        return sum(1 for _ in self._with(kind, tags))

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return [placed.row.key for placed in self._with(kind, tags)]

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        keys = await self.keys(kind, tags)
        for key in keys:
            del self._kinds[kind][key]
        return len(keys)

    def _with(self, kind: str, tags: Collection[str]) -> Iterator[_Placed]:
        return (placed for placed in self._rows(kind).values() if placed.row.tags.issuperset(tags))

    def _rows(self, kind: str) -> OrderedDict[str, _Placed]:
        rows = self._kinds[kind]
        self._trim(kind, rows)
        return rows

    def _trim(self, kind: str, rows: OrderedDict[str, _Placed]) -> None:
        oldest = self._clock().timestamp() - self._retention.seconds
        while rows:
            key, (_, row) = next(iter(rows.items()))
            if row.timestamp >= oldest and len(rows) <= self._retention.count(kind):
                break
            del rows[key]
