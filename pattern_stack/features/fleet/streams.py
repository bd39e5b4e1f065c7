"""What computers write to each other: a stream for each computer, which the others append to and it alone reads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.redis import Link, LinkDown, ResponseError
from pattern_stack.atoms.tasks import wait_at_most
from pattern_stack.features.fleet.core.keys import Keys

logger = logging.getLogger(__name__)

MOST_ENTRIES, FEWEST_ENTRIES = 1_000, 16
"""What a stream keeps, approximately: never less. It is the fewer, the longer the entry that is written."""
_STREAM_BYTES = 16 * 1024 * 1024
_ENTRY_BYTES = _STREAM_BYTES // MOST_ENTRIES
"""A longer entry trims a stream to fewer than MOST_ENTRIES."""
_QUEUE_BYTES = 16 * 1024 * 1024
_QUEUE_ENTRIES = 10_000
_PAGE_BYTES = 1024 * 1024
_KEPT_SECONDS = 3_600
_POLL_SECONDS = 0.5

_WRITE = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
  'event', ARGV[4], 'data', ARGV[5], 'timestamp', ARGV[6], 'source', ARGV[7])
redis.call('EXPIRE', KEYS[1], ARGV[2])  -- of a computer that is gone for good nothing is left
redis.call('PUBLISH', ARGV[3], '')
"""

_READ = """
-- KEYS[1] a stream; ARGV: the id to begin with, the most bytes of an entry, the bytes of a page.
-- Answers the id of the oldest entry, whether the page is full, and the entries. Of one that is too long it has id and size.
-- Of the first id, whose entry is known, it has nothing else: that it is there is all that counts.
local limit, page = tonumber(ARGV[2]), tonumber(ARGV[3])
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local entries, bytes, from = {}, 0, ARGV[1]
repeat
  local some = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 16)
  for _, entry in ipairs(some) do
    local size = 0
    for _, text in ipairs(entry[2]) do size = size + #text end
    if entry[1] == ARGV[1] then entry[2], size = {}, 0
    elseif size > limit then entry[2], size = size, 0 end
    entries[#entries + 1] = entry
    bytes = bytes + size
    from = '(' .. entry[1]
    if bytes >= page then return {oldest[1][1], 1, entries} end
  end
until #some < 16 or #entries >= 1000
return {oldest[1] and oldest[1][1] or '', #entries >= 1000 and 1 or 0, entries}
"""


class OutgoingEntry(NamedTuple):
    target: str
    event: str
    data: bytes
    timestamp: str


class StreamWriter:
    """Appends entries in the order of `put`. `failed(target)` is called where an entry for that computer was not written."""

    def __init__(self, link: Link, keys: Keys, source: str, failed: Callable[[str], None]) -> None:
        self._link = link
        self._keys = keys
        self._source = source
        self._failed = failed
        self._queue: list[OutgoingEntry] = []
        self._queued_bytes = 0
        self._wakeup = asyncio.Event()
        self._log = LogEvery(logger)

    def put(self, entry: OutgoingEntry) -> None:
        """Never waits. Where too much waits, all of it fails: who is sent all records anew needs less."""
        self._queue.append(entry)
        self._queued_bytes += len(entry.data)
        if len(self._queue) > _QUEUE_ENTRIES or self._queued_bytes > _QUEUE_BYTES:
            dropped = self.take()
            for target in {entry.target for entry in dropped}:
                self._failed(target)
            self._log.warning(
                "Redis is slow: %d entries were dropped; their computers get the full state", len(dropped)
            )
        self._wakeup.set()

    def take(self) -> list[OutgoingEntry]:
        """Empty the queue."""
        queue, self._queue, self._queued_bytes = self._queue, [], 0
        return queue

    async def run(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            await asyncio.gather(*map(self._write, self.take()))

    async def _write(self, entry: OutgoingEntry) -> None:
        key, wake = self._keys.events(entry.target), self._keys.wake(entry.target)
        kept = max(FEWEST_ENTRIES, min(MOST_ENTRIES, _STREAM_BYTES // (len(entry.data) or 1)))
        arguments = (kept, _KEPT_SECONDS, wake, entry.event, entry.data, entry.timestamp, self._source)
        try:
            await self._link.call(key, "EVAL", _WRITE, 1, key, *arguments)
        except LinkDown:  # once the link is up again, every computer is sent all records
            pass
        except ResponseError as error:
            logger.warning("%s was not told of %s: Redis says %s", entry.target, entry.event, error)
            self._failed(entry.target)


class StreamReader:
    """Hands on each entry of one stream once, in its order, while it is active.

    It keeps the id of the last entry, also across breaks of the link. `lost()` is called where entries after that id may have
    been trimmed, or the stream deleted. `oversized(bytes)` is called for an entry of more than `entry_bytes`, which is skipped.
    """

    def __init__(
        self,
        link: Link,
        key: str,
        entry_bytes: int,
        *,
        received: Callable[[Mapping[bytes, bytes]], Awaitable[None]],
        oversized: Callable[[int], None],
        lost: Callable[[], None],
    ) -> None:
        self._link = link
        self._key = key
        self._entry_bytes = entry_bytes
        self._received = received
        self._oversized = oversized
        self._lost = lost
        self._last_id = ""
        self._is_entry = False
        """Whether an entry had the last id, and has to be found there again."""
        self._active = asyncio.Event()
        self._wakeup = asyncio.Event()
        self._log = LogEvery(logger)

    async def start_at_end(self) -> None:
        """On the first call: start at the stream's current end. Raises LinkDown."""
        if not self._last_id:
            seconds, micros = await self._link.call(self._key, "TIME")
            self._last_id = f"{int(seconds) * 1000 + int(micros) // 1000}-0"

    def set_active(self, active: bool) -> None:
        (self._active.set if active else self._active.clear)()
        self._wakeup.set()

    def wake(self) -> None:
        """The stream has a new entry."""
        self._wakeup.set()

    async def run(self) -> None:
        """Reads when it is woken, and every half a second: other programs may append without a word."""
        while True:
            await self._active.wait()
            await wait_at_most(_POLL_SECONDS, self._wakeup)
            self._wakeup.clear()
            try:
                while self._active.is_set() and self._last_id and await self._read():
                    pass
            except LinkDown:
                await self._link.wait_until_up()
            except ResponseError as error:
                self._log.warning("%s cannot be read: Redis says %s", self._key, error)

    async def _read(self) -> bool:
        """One page, from the last entry on, that one included. Returns whether there may be more."""
        arguments = (self._last_id, self._entry_bytes, _PAGE_BYTES)
        oldest, more, entries = await self._link.call(self._key, "EVAL", _READ, 1, self._key, *arguments)
        found = bool(entries) and entries[0][0].decode() == self._last_id
        if not found and (self._is_entry or self._may_be_trimmed(oldest.decode(), more, entries)):
            self._is_entry = False
            self._lost()
        for id, fields in entries[found:]:
            self._last_id, self._is_entry = id.decode(), True
            if isinstance(fields, int):
                self._oversized(fields)
            else:
                await self._received(dict(zip(fields[::2], fields[1::2], strict=True)))
        return bool(more)

    def _may_be_trimmed(self, oldest: str, more: int, entries: list[Any]) -> bool:
        """Before the first entry: whether the stream may have had older ones, after the start."""
        trims = more or any(isinstance(fields, int) or sum(map(len, fields)) > _ENTRY_BYTES for _, fields in entries)
        return bool(trims) and _order(oldest) > _order(self._last_id)


def _order(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)
