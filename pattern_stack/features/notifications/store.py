"""Where records are kept: a bounded number of each kind, for a bounded time."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.table import PAGE_BYTES, Table

__all__ = ["PAGE_BYTES", "LateStore", "MemoryStore", "Retention", "Row", "Rows", "Store"]


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


class MemoryStore(Store):
    """Rows in this process. No method waits, so a change and its event can be one step of the loop."""

    def __init__(self, retention: Retention, clock: Clock = utc_now) -> None:
        self._retention = retention
        self._clock = clock
        self._tables: defaultdict[str, Table[bytes]] = defaultdict(Table)

    async def get(self, kind: str, key: str) -> bytes | None:
        return self._table(kind).get(key)

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        about = (new.data, new.timestamp, new.tags) if new else (None, 0, ())
        swapped = self._table(kind).swap(key, old, *about)
        self._table(kind)  # what it is too much for is gone at once
        return swapped

    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        return Rows(*self._table(kind).page(tags, limit, before))

    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        return self._table(kind).count(tags)

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return self._table(kind).keys(tags)

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        return self._table(kind).clear(tags)

    def _table(self, kind: str) -> Table[bytes]:
        table = self._tables[kind]
        table.trim(self._retention.count(kind), self._clock().timestamp() - self._retention.seconds)
        return table


class LateStore(Store):
    """The store that is chosen at the first call."""

    def __init__(self, choose: Callable[[], Store]) -> None:
        self._choose = choose

    @cached_property
    def _store(self) -> Store:
        return self._choose()

    async def get(self, kind: str, key: str) -> bytes | None:
        return await self._store.get(kind, key)

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        return await self._store.swap(kind, key, old, new)

    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        return await self._store.page(kind, tags, limit, before)

    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        return await self._store.count(kind, tags)

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return await self._store.keys(kind, tags)

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        return await self._store.clear(kind, tags)
