"""Where records are kept: bounded by count and by age, whatever is reported and for however long."""

from abc import ABC, abstractmethod
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pattern_stack.atoms.clock import Clock, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many records of each kind are kept, and for how many seconds after their timestamp; the oldest go first."""

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
    timestamp: float
    tags: frozenset[str]
    """What it can be listed by, like `severity=high`. No line breaks."""


class Store(ABC):
    """Rows by kind and key, each kind in an order: a row stands behind those that it was put or changed after.

    A change of its data under the same timestamp leaves a row where it is. Whatever waits raises BroadcastUnavailable.
    """

    @abstractmethod
    async def get(self, kind: str, key: str) -> bytes | None: ...

    @abstractmethod
    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        """Put `new` where `old` is, None being nothing; False, and nothing changed, where something else is.

        True also where `new` is there already: so a swap whose answer was lost can be tried again.
        """

    @abstractmethod
    async def newest(self, kind: str, tags: Collection[str], limit: int) -> tuple[list[bytes], int]:
        """The last rows with all these tags, the last first, and how many there are in all."""

    @abstractmethod
    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]: ...

    @abstractmethod
    async def clear(self, kind: str, tags: Collection[str]) -> int:
        """Remove the rows with all these tags. Returns how many there were."""


class MemoryStore(Store):
    """In this process. No call waits, so a change and its event can be one step."""

    def __init__(self, retention: Retention, clock: Clock = utc_now) -> None:
        self._retention = retention
        self._clock = clock
        self._shelves: defaultdict[str, OrderedDict[str, Row]] = defaultdict(OrderedDict)

    async def get(self, kind: str, key: str) -> bytes | None:
        row = self._shelf(kind).get(key)
        return row.data if row else None

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        shelf = self._shelf(kind)
        there = shelf.get(key)
        if (there.data if there else None) not in (old, new.data if new else None):
            return False
        if new is None:
            shelf.pop(key, None)
            return True
        shelf[key] = new
        if there and there.timestamp != new.timestamp:
            shelf.move_to_end(key)
        self._trim(kind, shelf)
        return True

    async def newest(self, kind: str, tags: Collection[str], limit: int) -> tuple[list[bytes], int]:
        found = [row.data for row in self._with(kind, tags)]
        return list(islice(reversed(found), limit)), len(found)

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return [row.key for row in self._with(kind, tags)]

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        gone = await self.keys(kind, tags)
        for key in gone:
            del self._shelves[kind][key]
        return len(gone)

    def _with(self, kind: str, tags: Collection[str]) -> Iterator[Row]:
        return (row for row in self._shelf(kind).values() if row.tags.issuperset(tags))

    def _shelf(self, kind: str) -> OrderedDict[str, Row]:
        shelf = self._shelves[kind]
        self._trim(kind, shelf)
        return shelf

    def _trim(self, kind: str, shelf: OrderedDict[str, Row]) -> None:
        oldest = self._clock().timestamp() - self._retention.seconds
        while shelf:
            key, row = next(iter(shelf.items()))
            if row.timestamp >= oldest and len(shelf) <= self._retention.count(kind):
                break
            del shelf[key]
