"""Records in the tables of a bridge."""

from collections.abc import Collection
from typing import Any

from pattern_stack.atoms.broadcast import TableBridge
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.features.notifications.store import Retention, Row, Rows, Store


class TableStore(Store):
    """A table for each kind, for all instances on the bridge. They are gone with its store."""

    def __init__(self, bridge: TableBridge, retention: Retention, clock: Clock = utc_now) -> None:
        self._bridge = bridge
        self._retention = retention
        self._clock = clock

    async def get(self, kind: str, key: str) -> bytes | None:
        data: str | None = await self._run(kind, "get", key)
        return None if data is None else data.encode()

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        about = (new.data.decode(), new.timestamp, sorted(new.tags)) if new else (None, 0, ())
        swapped: bool = await self._run(kind, "swap", key, old.decode() if old is not None else None, *about)
        return swapped

    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        data, total, place = await self._run(kind, "page", list(tags), limit, before)
        return Rows([row.encode() for row in data], total, place)

    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        count: int = await self._run(kind, "count", list(tags))
        return count

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        keys: list[str] = await self._run(kind, "keys", list(tags))
        return keys

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        count: int = await self._run(kind, "clear", list(tags))
        return count

    async def _run(self, kind: str, what: str, *arguments: Any) -> Any:
        oldest = self._clock().timestamp() - self._retention.seconds
        return await self._bridge.rows(f"notifications.{kind}", self._retention.count(kind), oldest, what, *arguments)
