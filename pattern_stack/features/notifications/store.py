"""Where records are kept: a bounded number of each kind, for a bounded time."""

from abc import ABC, abstractmethod
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
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
    async def newest(self, kind: str, tags: Collection[str], limit: int) -> tuple[list[bytes], int]:
        """The last rows with all these tags, the last first, and how many rows have them."""

    @abstractmethod
    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        """The keys of the rows with all these tags."""

    @abstractmethod
    async def clear(self, kind: str, tags: Collection[str]) -> int:
        """Remove the rows with all these tags. Returns how many there were."""


class MemoryStore(Store):
    """Rows in this process. No method waits, so a change and its event can be one step of the loop."""

    def __init__(self, retention: Retention, clock: Clock = utc_now) -> None:
        self._retention = retention
        self._clock = clock
        self._kinds: defaultdict[str, OrderedDict[str, Row]] = defaultdict(OrderedDict)

    async def get(self, kind: str, key: str) -> bytes | None:
        row = self._rows(kind).get(key)
        return row.data if row else None

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        rows = self._rows(kind)
        current = rows.get(key)
        if (current.data if current else None) not in (old, new.data if new else None):
            return False
        if new is None:
            rows.pop(key, None)
            return True
        rows[key] = new
        if current and current.timestamp != new.timestamp:
            rows.move_to_end(key)
        self._trim(kind, rows)
        return True

    async def newest(self, kind: str, tags: Collection[str], limit: int) -> tuple[list[bytes], int]:
        found = [row.data for row in self._with(kind, tags)]
        return list(islice(reversed(found), limit)), len(found)

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return [row.key for row in self._with(kind, tags)]

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        keys = await self.keys(kind, tags)
        for key in keys:
            del self._kinds[kind][key]
        return len(keys)

    def _with(self, kind: str, tags: Collection[str]) -> Iterator[Row]:
        return (row for row in self._rows(kind).values() if row.tags.issuperset(tags))

    def _rows(self, kind: str) -> OrderedDict[str, Row]:
        rows = self._kinds[kind]
        self._trim(kind, rows)
        return rows

    def _trim(self, kind: str, rows: OrderedDict[str, Row]) -> None:
        oldest = self._clock().timestamp() - self._retention.seconds
        while rows:
            key, row = next(iter(rows.items()))
            if row.timestamp >= oldest and len(rows) <= self._retention.count(kind):
                break
            del rows[key]
