"""Rows by key, the newest of them: what records of one kind are kept in, by whoever keeps them."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sized
from typing import ClassVar, Generic, NamedTuple, TypeVar

D = TypeVar("D", bound=Sized)
"""A row's data."""

PAGE_BYTES = 1024 * 1024
"""A page ends before the row with which it would have more bytes of data. It has at least one row."""


class _Placed(NamedTuple, Generic[D]):
    place: int
    data: D
    timestamp: float
    tags: frozenset[str]


class Table(Generic[D]):
    """Ordered by each row's last write with a new timestamp. A write with the same timestamp keeps a row in its place."""

    CALLS: ClassVar = frozenset(("get", "swap", "page", "count", "keys", "clear"))
    """What a worker may call by name."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Placed[D]] = OrderedDict()
        self._last_place = 0

    def trim(self, count: int, oldest: float) -> None:
        """Drop the oldest rows beyond this count, and those with an earlier timestamp."""
        while self._rows:
            key, row = next(iter(self._rows.items()))
            if row.timestamp >= oldest and len(self._rows) <= count:
                break
            del self._rows[key]

    def get(self, key: str) -> D | None:
        row = self._rows.get(key)
        return row.data if row else None

    def swap(self, key: str, old: D | None, new: D | None, timestamp: float, tags: Collection[str]) -> bool:
        """Replace `old` by `new`, where None is no row. False, without a change, where the data is neither of them."""
        row = self._rows.get(key)
        if (row.data if row else None) not in (old, new):
            return False
        if new is None:
            self._rows.pop(key, None)
        elif row and row.timestamp == timestamp:
            self._rows[key] = _Placed(row.place, new, timestamp, frozenset(tags))
        else:
            self._last_place += 1
            self._rows[key] = _Placed(self._last_place, new, timestamp, frozenset(tags))
            self._rows.move_to_end(key)
        return True

    def page(self, tags: Collection[str], limit: int, before: int | None) -> tuple[list[D], int, int | None]:
        """The last rows with all these tags, how many there are, and what `before` is for the next page."""
        found = [*self._with(tags)]
        data: list[D] = []
        size, place = 0, before
        for _, row in reversed(found):
            if before is not None and row.place >= before:
                continue
            size += len(row.data)
            if len(data) == limit or (data and size > PAGE_BYTES):
                return data, len(found), place
            data.append(row.data)
            place = row.place
        return data, len(found), None

    def count(self, tags: Collection[str]) -> int:
        return sum(1 for _ in self._with(tags))

    def keys(self, tags: Collection[str]) -> list[str]:
        return [key for key, _ in self._with(tags)]

    def clear(self, tags: Collection[str]) -> int:
        keys = self.keys(tags)
        for key in keys:
            del self._rows[key]
        return len(keys)

    def _with(self, tags: Collection[str]) -> Iterator[tuple[str, _Placed[D]]]:
        return ((key, row) for key, row in self._rows.items() if row.tags.issuperset(tags))
