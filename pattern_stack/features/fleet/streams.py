"""What computers write to each other: a stream for each, that others append to and it alone reads."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from pattern_stack.atoms.redis import Link, LinkDown, ResponseError
from pattern_stack.atoms.tasks import wait_at_most

logger = logging.getLogger(__name__)

LENGTH = 1_000
"""Entries that a stream keeps, approximately: never less."""
_KEPT_SECONDS = 3_600
_WAITING = 10_000
_POLL_SECONDS = 0.5
_TOLD_SECONDS = 60.0

_WRITE = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
  'event', ARGV[4], 'data', ARGV[5], 'timestamp', ARGV[6], 'source', ARGV[7])
redis.call('EXPIRE', KEYS[1], ARGV[2])  -- of a computer that is gone for good nothing is left
redis.call('PUBLISH', ARGV[3], '')
"""


class Names(NamedTuple):
    """Where a fleet keeps what in Redis."""

    prefix: str

    def heartbeat(self, computer: str) -> str:
        return f"{self.prefix}:computer:{computer}:heartbeat"

    def events(self, computer: str) -> str:
        return f"{self.prefix}:events:{computer}"

    def wake(self, computer: str) -> str:
        """A channel that it alone follows: empty messages say that something was written to it, heartbeats ask it for all
        that it has."""
        return f"{self.prefix}:wake:{computer}"

    @property
    def heartbeats(self) -> str:
        """The channel that all of them follow."""
        return f"{self.prefix}:heartbeats"


class Written(NamedTuple):
    target: str
    event: str
    data: bytes
    timestamp: str


class Writer:
    """Appends in the order of `put`, which never waits. `failed(target)`: something for it could not be written."""

    def __init__(self, link: Link, names: Names, source: str, failed: Callable[[str], None]) -> None:
        self._link = link
        self._names = names
        self._source = source
        self._failed = failed
        self._waiting: list[Written] = []
        self._some = asyncio.Event()

    def put(self, one: Written) -> None:
        self._waiting.append(one)
        if len(self._waiting) > _WAITING:  # whoever is behind will be written all there is: that is less
            for each in self.forget():
                self._failed(each.target)
        self._some.set()

    def forget(self) -> list[Written]:
        waiting, self._waiting = self._waiting, []
        return waiting

    async def run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await asyncio.gather(*map(self._write, self.forget()))

    async def _write(self, one: Written) -> None:
        key, wake = self._names.events(one.target), self._names.wake(one.target)
        arguments = (LENGTH, _KEPT_SECONDS, wake, one.event, one.data, one.timestamp, self._source)
        try:
            await self._link.call(key, "EVAL", _WRITE, 1, key, *arguments)
        except LinkDown:  # once the link is up again, everybody is written all that there is
            pass
        except ResponseError as error:
            logger.warning("%s was not told of %s: Redis says %s", one.target, one.event, error)
            self._failed(one.target)


class Reader:
    """Hands on each entry of one stream once, in its order, while it is wanted.

    It keeps the id of the last one, also across breaks of the link. `broken` is called where entries after that id may have
    been trimmed, or the stream been lost.
    """

    def __init__(
        self,
        link: Link,
        key: str,
        arrived: Callable[[Mapping[bytes, bytes]], Awaitable[None]],
        broken: Callable[[], None],
    ) -> None:
        self._link = link
        self._key = key
        self._arrived = arrived
        self._broken = broken
        self._place = ""
        self._is_entry = False
        """Whether the place is that of an entry, which is to be found there again."""
        self._wanted = asyncio.Event()
        self._woken = asyncio.Event()
        self._told = -_TOLD_SECONDS

    async def begin(self) -> None:
        """What was written before the first call is none of its business: it was for an earlier run. Raises LinkDown."""
        if not self._place:
            seconds, micros = await self._link.call(self._key, "TIME")
            self._place = f"{int(seconds) * 1000 + int(micros) // 1000}-0"

    def want(self, wanted: bool) -> None:
        (self._wanted.set if wanted else self._wanted.clear)()
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Whoever only appends, and wakes nobody, is heard within half a second."""
        while True:
            await self._wanted.wait()
            await wait_at_most(_POLL_SECONDS, self._woken)
            self._woken.clear()
            try:
                while self._wanted.is_set() and self._place and await self._read():
                    pass
            except LinkDown:
                await self._link.wait_until_up()
            except ResponseError as error:
                self._say(error)

    async def _read(self) -> bool:
        """Whether there may be more. Reads from the last entry on, that one included: where it is gone, others may be too."""
        answer = await self._link.call(self._key, "XRANGE", self._key, self._place, "+", "COUNT", LENGTH + 1)
        found = bool(answer) and answer[0][0].decode() == self._place
        if not found and (self._is_entry or len(answer) > LENGTH):
            self._is_entry = False
            self._broken()
        for id, fields in answer[found:]:
            self._place, self._is_entry = id.decode(), True
            await self._arrived(_pairs(fields))
        return len(answer) > LENGTH

    def _say(self, error: Exception) -> None:
        if time.monotonic() - self._told >= _TOLD_SECONDS:
            self._told = time.monotonic()
            logger.warning("%s cannot be read: Redis says %s", self._key, error)


def _pairs(fields: list[Any] | dict[Any, Any]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=False)) if isinstance(fields, list) else dict(fields)
