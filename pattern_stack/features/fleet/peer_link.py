"""The line of one computer to the others of its fleet."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import orjson

from pattern_stack.atoms.cache import Interest
from pattern_stack.atoms.clock import Clock, iso
from pattern_stack.atoms.redis import Link, LinkDown, ResponseError, ServerRejected
from pattern_stack.atoms.tasks import Tasks
from pattern_stack.errors import BroadcastError
from pattern_stack.features.fleet.core.change import News
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.resources import KINDS, SHARED
from pattern_stack.features.fleet.core.state import Knowledge
from pattern_stack.features.fleet.errors import Strange
from pattern_stack.features.fleet.streams import Names, Reader, Writer, Written

logger = logging.getLogger(__name__)

_STRANGE_SECONDS = 60.0
_GLOB = str.maketrans({sign: f"\\{sign}" for sign in "*?[]\\"})


class _Message(NamedTuple):
    data: bytes
    asks: bool


class Wire:
    """Says heartbeats, hears those of others, writes what they watch and reads what they write.

    `tell` publishes news to the clients here; `due` says that a heartbeat is to be sent at once.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        seconds: float,
        knowledge: Knowledge,
        interest: Interest,
        clock: Clock,
        tell: Callable[[list[News]], Awaitable[None]],
        due: Callable[[], None],
    ) -> None:
        self._names = Names(prefix)
        self._link = Link(url, self, prefix)
        self._knowledge = knowledge
        self._interest = interest
        self._clock = clock
        self._tell = tell
        self._due = due
        self._expiry = int(2_000 * seconds)
        self._instance = secrets.token_hex(8)
        self._connection = 0
        self._writer = Writer(self._link, self._names, knowledge.name, knowledge.forget_peer)
        self._reader = Reader(self._link, self._names.events(knowledge.name), self._read, self._reconnect)
        self._heard: deque[_Message] = deque()
        self._some = asyncio.Event()
        self._asked: set[str] = set()
        self.strange = 0
        """Heartbeats and entries that were none of ours, and were skipped."""
        self._strange_told = -_STRANGE_SECONDS

    @property
    def trouble(self) -> str | None:
        return self._link.trouble

    async def start(self, tasks: Tasks) -> None:
        """A Redis that does not answer is waited for. BroadcastError where it refuses."""
        for channel in self._channels():
            with contextlib.suppress(LinkDown):  # it is followed once the link is up
                await self._link.follow(channel)
        tasks.start("the fleet's writer", self._writer.run())
        tasks.start("the fleet's reader", self._reader.run())
        tasks.start("the fleet's listener", self._listen())
        try:
            await self._link.start()
        except ServerRejected as error:
            raise BroadcastError(f"the fleet's Redis at {self._link.place} cannot be used: {error}") from error

    async def stop(self) -> None:
        await self._link.stop()
        self._writer.forget()
        self._heard.clear()

    def _channels(self) -> tuple[bytes, bytes]:
        return self._names.heartbeats.encode(), self._names.wake(self._knowledge.name).encode()

    # -- what it says

    async def beat(self) -> None:
        """Nothing, while the link is down: coming up again says it."""
        value, key = self._heartbeat(), self._names.heartbeat(self._knowledge.name)
        try:
            await asyncio.gather(
                self._link.call(key, "SET", key, value, "PX", self._expiry),
                self._link.call(key, "PUBLISH", self._names.heartbeats, value),
            )
        except LinkDown:
            pass
        except ResponseError as error:
            logger.warning("no heartbeat: Redis says %s", error)

    def _heartbeat(self) -> bytes:
        itself = self._knowledge.itself().model_dump(include={"last_seen", "user", "host", "role", "system_stats"})
        return Heartbeat(
            computer=self._knowledge.name,
            interested_in=self._interest.kinds(),
            instance=self._instance,
            connection=self._connection,
            **itself,
        ).encode()

    def interested(self) -> None:
        """Interest has changed."""
        self._reader.want(any(kind in SHARED for kind in self._interest.kinds()))

    def write(self, news: News) -> None:
        """To those that watch its kind, in the order of these calls. Never waits."""
        self._put(self._knowledge.watchers(news.kind), news.event, news.payload)

    def _put(self, targets: list[str], event: str, payload: object) -> None:
        if targets:
            data, now = orjson.dumps(payload), iso(self._clock())
            for target in targets:
                self._writer.put(Written(target, event, data, now))

    def ask(self, computer: str) -> None:
        """For all that it has of what is watched here."""
        if self._interest.kinds():
            self._asked.add(computer)
            self._some.set()

    def _reconnect(self) -> None:
        """What others wrote may be lost: say so, and they write all that they have."""
        self._connection += 1
        self._due()

    # -- what it hears

    def message(self, channel: bytes, data: bytes) -> None:
        if channel == self._names.wake(self._knowledge.name).encode():
            self._reader.wake()
            if not data:
                return
        self._heard.append(_Message(data, channel != self._names.heartbeats.encode()))
        self._some.set()

    async def restored(self) -> None:
        """What was written meanwhile may be lost both ways: everybody counts as new, and so does this computer."""
        await self._reader.begin()
        self._writer.forget()
        self._knowledge.forget_peers()
        self._connection += 1
        pattern = self._names.heartbeat("*").replace(self._names.prefix, self._names.prefix.translate(_GLOB), 1)
        keys = [key.decode(errors="replace") for key in await self._link.scan(pattern)]
        for value in await asyncio.gather(*map(self._get, keys)):
            if value is not None:
                await self._hear(value, live=False)
        self._due()
        self._reader.wake()

    async def _get(self, key: str) -> bytes | None:
        try:
            value: bytes | None = await self._link.call(key, "GET", key)
        except ResponseError as error:  # it holds no string
            self._skip(Strange(f"{key}: {error}"))
            return None
        return value

    async def _listen(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._heard:
                message = self._heard.popleft()
                await self._hear(message.data, live=True, asks=message.asks)
            while self._asked:
                await self._ask(self._asked.pop())

    async def _ask(self, computer: str) -> None:
        try:
            await self._link.call(computer, "PUBLISH", self._names.wake(computer), self._heartbeat())
        except (LinkDown, ResponseError) as error:
            logger.info("%s was not asked: %s", computer, error)

    async def _hear(self, data: bytes, *, live: bool, asks: bool = False) -> None:
        try:
            beat = Heartbeat.decode(data)
        except Strange as error:
            self._skip(error)
            return
        if beat.instance == self._instance:
            return
        alone = not self._knowledge.rivals
        heard = self._knowledge.heard(beat, live=live, anew=asks)
        for kind in heard.behind:
            event = KINDS[kind].whole
            assert event
            self._put([beat.computer], event, self._knowledge.whole(kind))
        if heard.ahead:
            self.ask(beat.computer)
        if alone and (rivals := self._knowledge.rivals):
            logger.error("another computer goes by the name %s: it is on %s", self._knowledge.name, rivals[0])
            self._due()  # so that it learns of this one at once
        await self._tell(heard.news)

    async def _read(self, fields: Mapping[bytes, bytes]) -> None:
        try:
            entry = Entry.decode(fields)
        except Strange as error:
            self._skip(error)
            return
        await self._tell(self._knowledge.arrived(entry))

    def _skip(self, error: Strange) -> None:
        """Count it; say so once a minute."""
        self.strange += 1
        if time.monotonic() - self._strange_told >= _STRANGE_SECONDS:
            self._strange_told = time.monotonic()
            logger.warning(
                "%d heartbeats and entries of strangers were skipped so far; the last: %s", self.strange, error
            )
