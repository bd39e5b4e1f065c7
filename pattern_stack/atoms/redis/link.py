"""The supervised link to a Redis, Valkey or Redis Cluster."""

import asyncio
import logging
import math
import random
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from time import monotonic
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.credentials import CredentialProvider

from pattern_stack.atoms.redis.errors import ELSEWHERE, LinkDown, ServerRejected, first_of, in_short, refused
from pattern_stack.atoms.redis.feeds import Feeds
from pattern_stack.atoms.redis.line import Line
from pattern_stack.atoms.redis.pipe import scan
from pattern_stack.atoms.redis.servers import Servers
from pattern_stack.atoms.redis.tls import mismatch
from pattern_stack.atoms.redis.url import target_of
from pattern_stack.atoms.tasks import wait_at_most

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 2.0
_SILENT_SECONDS = 3.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_NOT_YET = "the link to Redis is not up yet"

_PROBE = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000)  -- a server that takes no writes, or none of this user's, is no good
redis.call('PUBLISH', KEYS[1], ARGV[1])
"""


class Listener(Protocol):
    """Whoever uses a link."""

    def message(self, channel: bytes, data: bytes) -> None:
        """Of a channel that is followed; in the order of the server. Never raises."""

    async def restored(self) -> None:
        """The link is up again, and every followed channel subscribed: what came meanwhile has to be fetched."""


class Link:
    """Commands and messages of one URL, on one loop. It reconnects by itself, with full jitter up to 2 s.

    Every 2 s it writes a key and sends itself a message: a link on which nothing comes for 3 s while that is due is broken,
    whatever TCP says.
    `trouble` is what keeps it from working, in words that name neither host nor port; None while it works.
    InvalidURL for what is no Redis URL.
    """

    def __init__(
        self,
        url: str,
        listener: Listener,
        name: str,
        *,
        probe: str = _PROBE,
        bulk: bool = False,
        sharded: bool = False,
        credentials: CredentialProvider | None = None,
    ) -> None:
        """`credentials`: they win over those of the URL. `probe`: a script that does all that the listener needs, on KEYS[1],
        and publishes ARGV[1] on that channel. `bulk`: calls with a long answer have a connection of their own.
        `sharded`: messages come from SPUBLISH where the servers of a cluster have that: see `is_sharded`."""
        self._dial, self.place, self._sentinels = target_of(url, credentials)
        self._listener = listener
        self._probe_script = probe
        self._bulk = bulk
        self._sharded = sharded
        self._probe_name = f"{name}:probe:{secrets.token_hex(8)}"
        self._heard: dict[bytes, asyncio.Event] = {}
        """By the probe's channels, of which each feed has one."""
        self._followed: set[bytes] = set()
        self._where: dict[str, Any] = {}
        self._servers: Servers | None = None
        self._feeds: Feeds | None = None
        self._lines: list[Line] = []
        self._task: asyncio.Task[None] | None = None
        self._token = b""
        self._refusal: ServerRejected | None = None
        self.trouble: str | None = _NOT_YET
        self._down_since = monotonic()

    # -- its life

    async def start(self) -> None:
        """Returns when it is up, or when the server did not answer: it tries on. Raises ServerRejected."""
        if self._task is None or self._task.done():
            self._tried, self._up, self._broken = (asyncio.Event() for _ in range(3))
            self._refusal = None
            self._down_since = monotonic()
            self._task = asyncio.get_running_loop().create_task(self._supervise())
        await self._tried.wait()
        if self._refusal:
            await self.stop()
            raise self._refusal

    async def stop(self) -> None:
        """It can be started again, on another loop too."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    def forget(self) -> None:
        """Its loop was closed, and has taken everything along."""
        self._task = self._servers = self._feeds = None
        self._followed.clear()
        self._lines.clear()
        self.trouble = _NOT_YET

    async def wait_until_up(self, patience: float = math.inf) -> None:
        """Raises TimeoutError once it has been down for so many seconds, counted from the break, or from the start."""
        left = None if patience == math.inf else max(self._down_since + patience - monotonic(), 0)
        async with asyncio.timeout(left):
            await self._up.wait()

    async def _supervise(self) -> None:
        pause = _SHORTEST_PAUSE
        try:
            while True:
                try:
                    await self._connect()
                    await self._work()
                except Exception as error:
                    pause = pause if self.trouble else _SHORTEST_PAUSE
                    await self._down(await self._reason(first_of(error)))
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            await self._down(None)

    async def _connect(self) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            self._where = await self._sentinels.locate() if self._sentinels else {}
            self._servers = await Servers.behind(self._open, bulk=self._bulk)
            self._feeds = await Feeds.behind(self._servers, self._open, self._message, sharded=self.is_sharded)
            probes = self._servers.spread(self._probe_name) if self.is_sharded else [self._probe_name]
            self._heard = {name.encode(): asyncio.Event() for name in probes}

    async def _reason(self, error: BaseException) -> BaseException:
        """The error itself where none can be found: the supervisor goes on whatever happens here."""
        refusal = refused(error)
        try:
            if not self._tried.is_set():
                self._refusal = refusal = refusal or await mismatch(self._first_dial({}))
        except Exception:
            logger.exception("it cannot be found out why the link to Redis is down")
        return refusal or error

    def _first_dial(self, where: Mapping[str, Any]) -> AbstractConnection:
        """Of whoever is asked first."""
        return (self._sentinels.dials[0] if self._sentinels else self._dial)(where)

    async def _open(self, **where: Any) -> Line:
        line = Line(self._dial, **{**self._where, **where})
        self._lines.append(line)
        await line.connect()
        return line

    async def _work(self) -> None:
        assert self._feeds
        assert self._servers
        feeds = self._feeds
        self._broken.clear()
        async with asyncio.TaskGroup() as group:
            for run in (pipe.run() for pipe in self._servers.pipes):
                group.create_task(run)
            for feed in feeds.all:
                group.create_task(feed.read())
                group.create_task(feed.write())
            subscribed = asyncio.gather(*map(feeds.subscribe, [*self._heard, *self._followed]))
            async with AsyncExitStack() as watched:
                for feed in feeds.all:
                    await watched.enter_async_context(feed.line.moving(_CONNECT_SECONDS))
                await subscribed
            await self._probe(self._servers, feeds)
            self._up.set()  # before what was missed is fetched: whoever fetches may be waiting for it
            await self._listener.restored()
            logger.info("the link to Redis at %s is up", self.place)
            self.trouble = None
            self._tried.set()
            while not self._broken.is_set():
                await wait_at_most(_PROBE_SECONDS, self._broken)
                await self._probe(self._servers, feeds)
            raise LinkDown("the server takes no writes", sent=False)

    async def _probe(self, servers: Servers, feeds: Feeds) -> None:
        """Through the commands' connection and back through the messages'; and whether the servers are those they were."""
        self._token = secrets.token_bytes(8)
        script = on_shards(self._probe_script) if self.is_sharded else self._probe_script
        for channel, heard in self._heard.items():
            heard.clear()
            pipe = servers.server(channel.decode()).commands
            async with pipe.line.moving(_SILENT_SECONDS):
                await pipe.call(("EVAL", script, 1, channel, self._token))
            async with feeds.of(channel).line.moving(_SILENT_SECONDS):
                await heard.wait()
        await servers.check(_SILENT_SECONDS)
        if self._sentinels and await self._sentinels.named() not in (None, self._where):
            raise LinkDown("its sentinels name another primary", sent=False)

    def _message(self, channel: bytes, data: bytes) -> None:
        if channel not in self._heard:
            self._listener.message(channel, data)
        elif data == self._token:
            self._heard[channel].set()

    async def _down(self, error: BaseException | None) -> None:
        why = f"{type(error).__name__}: {error}" if error else "stopped"
        if error and not self._refusal and (self.trouble is None or not self._tried.is_set()):
            logger.warning("the link to Redis at %s is down: %s", self.place, why)
        self.trouble = f"the link to Redis is down: {in_short(error) if error else 'stopped'}"
        if self._up.is_set():
            self._down_since = monotonic()
        self._up.clear()
        for part in (*(self._servers.pipes if self._servers else ()), *(self._feeds.all if self._feeds else ())):
            part.close()
        self._servers = self._feeds = None
        lines, self._lines = self._lines, []
        self._tried.set()
        for line in lines:
            await line.abort()

    # -- in use

    async def call(self, key: str, *command: Any, bulk: bool = False) -> Any:
        """The answer to a command about this key; `bulk`, where that may be long. In the order of the calls, those with and
        those without `bulk` each for themselves. Raises LinkDown, or ResponseError with what the server says."""
        if self._servers is None:
            raise LinkDown(self.trouble or "down", sent=False)
        server = self._servers.server(key)
        try:
            return await (server.bulk if bulk else server.commands).call(command)
        except ELSEWHERE as error:
            self._broken.set()
            raise LinkDown(in_short(error), sent=False) from error

    @property
    def is_cluster(self) -> bool:
        """Of the servers that it is connected to: a script's keys have to be on one of them."""
        return self._servers is not None and self._servers.is_cluster

    @property
    def is_sharded(self) -> bool:
        """Whether a channel's messages have to be sent with SPUBLISH, to the server that has its key."""
        return self._sharded and self._servers is not None and self._servers.can_shard

    async def scan(self, pattern: str) -> list[bytes]:
        """The keys of every server that match, each at least once. Raises LinkDown or ResponseError."""
        if self._servers is None:
            raise LinkDown(self.trouble or "down", sent=False)
        return [key for server in self._servers.all for key in await scan(server.bulk, pattern)]

    async def follow(self, channel: bytes) -> None:
        """Hand its messages to the listener, across breaks, until `unfollow`. Also where this raises LinkDown."""
        self._followed.add(channel)
        if self._feeds is None:
            raise LinkDown(self.trouble or "down", sent=False)
        await self._feeds.subscribe(channel)

    def unfollow(self, channel: bytes) -> None:
        self._followed.discard(channel)
        if self._feeds:
            self._feeds.unsubscribe(channel)


@cache
def on_shards(script: str) -> str:
    """The same script for a cluster whose pub/sub is sharded."""
    return script.replace("'PUBLISH'", "'SPUBLISH'")
