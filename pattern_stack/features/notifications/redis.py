"""Records in the Redis that instances share, over the link of their bridge."""

import asyncio
from collections.abc import Collection
from importlib.resources import files
from typing import Any

from pattern_stack.atoms.broadcast import ScriptedBridge
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.features.notifications.store import PAGE_BYTES, Retention, Row, Rows, Store

_SCRIPT = (files("pattern_stack.features.notifications") / "lua" / "records.lua").read_text()
_KEYS = ("order", "records", "about")

_READS = 4
"""Reads under way at a time. Publishes share the link with them, and wait behind their answers."""
_PIECE_BYTES = 128 * 1024
"""The answer to one read ends with the row that reaches it."""
_PIECE_KEYS = 1_000
_PIECE_FULL = 2


class RedisStore(Store):
    """Rows in the Redis of a bridge, for all instances on it.

    A kind has the keys `{prefix}:{notifications.KIND}:order`, `:records` and `:about`. They expire once nothing was
    written for as long as records are kept. A page and a list of keys are read in pieces, and few reads are under way at
    a time, so that the link is never busy for long, however many clients ask for however much.
    """

    def __init__(self, bridge: ScriptedBridge, retention: Retention, clock: Clock = utc_now) -> None:
        self._bridge = bridge
        self._retention = retention
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self, kind: str, key: str) -> bytes | None:
        data: bytes | None = await self._read(kind, "get", key)
        return data

    async def swap(self, kind: str, key: str, old: bytes | None, new: Row | None) -> bool:
        about = (new.timestamp, _joined(new.tags)) if new else (0, "")
        return bool(await self._run(kind, "swap", key, old or "", new.data if new else "", *about))

    async def page(self, kind: str, tags: Collection[str], limit: int, before: int | None = None) -> Rows:
        data, size, total, place, state = list[bytes](), 0, 0, before or "", _PIECE_FULL
        while state == _PIECE_FULL:
            bounds = (limit - len(data), _PIECE_BYTES, PAGE_BYTES, size, place)
            rows, total, place, state = await self._read(kind, "page", *bounds, *_lines(tags))
            data += rows
            size += sum(map(len, rows))
        return Rows(data, total, int(place) if state else None)

    async def count(self, kind: str, tags: Collection[str] = ()) -> int:
        count: int = await self._read(kind, "count", *_lines(tags))
        return count

    async def keys(self, kind: str, tags: Collection[str] = ()) -> list[str]:
        keys, place, state = list[bytes](), "", _PIECE_FULL
        while state == _PIECE_FULL:
            some, place, state = await self._read(kind, "keys", _PIECE_KEYS, place, *_lines(tags))
            keys += some
        return [key.decode() for key in keys]

    async def clear(self, kind: str, tags: Collection[str]) -> int:
        count: int = await self._run(kind, "clear", *_lines(tags))
        return count

    async def _read(self, kind: str, command: str, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a semaphore belongs to a loop
            self._loop, self._reads = loop, asyncio.Semaphore(_READS)
        async with self._reads:
            return await self._run(kind, command, *arguments)

    async def _run(self, kind: str, command: str, *arguments: Any) -> Any:
        oldest = self._clock().timestamp() - self._retention.seconds
        bounds = (oldest, self._retention.count(kind), max(int(self._retention.seconds * 1000), 1))
        return await self._bridge.evaluate(_SCRIPT, f"notifications.{kind}", _KEYS, *bounds, command, *arguments)


def _lines(tags: Collection[str]) -> list[str]:
    """A tag is found in the text of all tags by its line breaks."""
    return [f"\n{tag}\n" for tag in tags]


def _joined(tags: Collection[str]) -> str:
    return "".join(_lines(sorted(tags)))
