"""Records in the Redis that instances share, over the link of their bridge."""

from collections.abc import Collection
from importlib.resources import files
from typing import Any

from pattern_stack.atoms.broadcast import Bridge
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.features.notifications.store import Retention, Row, Store

_SCRIPT = (files("pattern_stack.features.notifications") / "lua" / "records.lua").read_text()
_KEYS = ("order", "records", "about")


class RedisStore(Store):
    """Rows in the Redis of a bridge, for all instances on it.

    A kind has the keys `{prefix}:{notifications.KIND}:order`, `:records` and `:about`. They expire once nothing was
    written for as long as records are kept.
    """

    def __init__(self, bridge: Bridge, retention: Retention, clock: Clock = utc_now) -> None:
        self._bridge = bridge
        self._retention = retention
        self._clock = clock

    async def get(self, kind: str, key: str) -> bytes | None:
        data: bytes | None = await self._run(kind, "get", key)
        return data

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        about = (new.timestamp, _joined(new.tags)) if new else (0, "")
        return bool(await self._run(kind, "swap", key, old or "", new.data if new else "", *about))

    async def newest(self, kind: str, tags: Collection[str], limit: int) -> tuple[list[bytes], int]:
        found, total = await self._run(kind, "list", limit, *_lines(tags))
        return found, total

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        return [key.decode() for key in await self._run(kind, "keys", *_lines(tags))]

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        count: int = await self._run(kind, "clear", *_lines(tags))
        return count

    async def _run(self, kind: str, command: str, *arguments: Any) -> Any:
        oldest = self._clock().timestamp() - self._retention.seconds
        bounds = (oldest, self._retention.count(kind), max(int(self._retention.seconds * 1000), 1))
        return await self._bridge.evaluate(_SCRIPT, f"notifications.{kind}", _KEYS, *bounds, command, *arguments)


def _lines(tags: Collection[str]) -> list[str]:
    """A tag is found in the text of all tags by its line breaks."""
    return [f"\n{tag}\n" for tag in tags]


def _joined(tags: Collection[str]) -> str:
    return "".join(_lines(sorted(tags)))
