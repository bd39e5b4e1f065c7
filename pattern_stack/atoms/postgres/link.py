"""The supervised link to a PostgreSQL."""

import asyncio
import logging
import math
import random
import secrets
from collections.abc import Awaitable
from time import monotonic
from typing import Any, Protocol

from psycopg import OperationalError
from psycopg.pq import PGconn, Ping

from pattern_stack.atoms.postgres.deadline import deadline
from pattern_stack.atoms.postgres.errors import Failed, LinkDown, ServerRejected, first_line, in_short
from pattern_stack.atoms.postgres.feed import Feed
from pattern_stack.atoms.postgres.pipe import Answer, Pipe
from pattern_stack.atoms.postgres.server import Server, check_pooler, examined, is_pooled, pooler_rejected, prepare
from pattern_stack.atoms.postgres.session import Run, Session
from pattern_stack.atoms.postgres.url import conninfo_of

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 2.0
_SILENT_SECONDS = 3.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_NOT_YET = "the link to PostgreSQL is not up yet"
_LATER = ("too many", "connection slots", "cannot connect to server", "server login", "no more connections")
"""What a server or a pooler says that may take the connection later."""


class Listener(Protocol):
    """Whoever uses a link."""

    async def connected(self, run: Run, server: Server) -> None:
        """A new connection, before anything else uses it. Raises ServerRejected where a right is missing."""

    def notified(self, name: str, data: bytes) -> None:
        """A message of a name that is listened to, in the order of commits. Never raises."""

    async def restored(self) -> None:
        """The link is up again, and every name listened to: what came meanwhile has to be fetched."""


class Link:
    """Statements and messages of one URL, on one loop. It reconnects by itself, with full jitter up to 2 s.

    It has three sessions: one for short statements, one for what is long, one for messages. Every 2 s it sends itself a
    message: a link on which nothing comes for 3 s while that is due is broken, whatever TCP says.
    `trouble` is what keeps it from working, in words that name neither host nor port; None while it works.
    InvalidURL for what is no PostgreSQL URL.
    """

    def __init__(self, url: str, listener: Listener, name: str) -> None:
        """`name`: begins the name of the link's own messages; lower-case letters, digits and underscores."""
        self._conninfo, self.place = conninfo_of(url)
        self._listener = listener
        self._probe_name = f"{name}_probe_{secrets.token_hex(6)}"
        self._followed: set[str] = set()
        self._sessions: list[Session] = []
        self._task: asyncio.Task[None] | None = None
        self._commands: Pipe | None = None
        self._bulk: Pipe | None = None
        self._feed: Feed | None = None
        self._token = b""
        self._pooled = False
        self._refusal: ServerRejected | None = None
        self.trouble: str | None = _NOT_YET
        self._down_since = monotonic()

    # -- its life

    async def start(self) -> None:
        """Returns when it is up, or when the server did not answer: it tries on. Raises ServerRejected."""
        if self._task is None or self._task.done():
            self._down_since = monotonic()
            self._tried, self._up, self._heard = (asyncio.Event() for _ in range(3))
            self._refusal = None
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
        self._task = self._commands = self._bulk = self._feed = None
        self._followed.clear()
        self._sessions.clear()
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
                    await self._work()
                except Exception as error:
                    pause = pause if self.trouble else _SHORTEST_PAUSE
                    await self._down(await self._reason(_first(error)))
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            await self._down(None)

    async def _reason(self, error: BaseException) -> BaseException:
        """At the first try, whether the server will go on refusing. One that has just begun to serve is asked again."""
        if self._tried.is_set():
            return error
        if isinstance(error, OperationalError) and await self._answers():
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    (await Session.open(self._conninfo)).close()
            except OperationalError as again:
                said = first_line(again)
                if not any(text in said for text in _LATER) and await self._answers():
                    error = ServerRejected(f"it says: {said}")
            except TimeoutError:
                pass
        if isinstance(error, Failed):
            error = pooler_rejected() if self._pooled else ServerRejected(f"it says: {error}")
        self._refusal = error if isinstance(error, ServerRejected) else None
        return error

    async def _answers(self) -> bool:
        """Whether it is there and takes connections, other than one that is starting up."""
        conninfo = f"{self._conninfo} connect_timeout={int(_CONNECT_SECONDS)}".encode()
        return await asyncio.to_thread(PGconn.ping, conninfo) == Ping.OK

    async def _work(self) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            for notified in (None, None, self._notified):
                self._sessions.append(await Session.open(self._conninfo, notified))
        commands, bulk, messages = self._sessions
        self._pooled = await is_pooled(commands)
        if self._pooled:
            await check_pooler(messages, commands)
        server = await examined(commands)
        for session in self._sessions:
            await prepare(session)
        await self._listener.connected(commands.run, server)
        self._commands, self._bulk, self._feed = Pipe(commands), Pipe(bulk), Feed(messages)
        async with asyncio.TaskGroup() as group:
            for run in (self._commands.run, self._bulk.run, self._feed.run):
                group.create_task(run())
            for session in self._sessions:
                group.create_task(_until_it_ends(session))
            async with deadline(_CONNECT_SECONDS):
                await asyncio.gather(*map(self._feed.listen, [self._probe_name, *self._followed]))
            await self._first_probe()
            self._up.set()  # before what was missed is fetched: whoever fetches may be waiting for it
            await self._listener.restored()
            logger.info("the link to PostgreSQL at %s is up", self.place)
            self.trouble = None
            self._tried.set()
            while True:
                await asyncio.sleep(_PROBE_SECONDS)
                await self._probe()

    async def _first_probe(self) -> None:
        try:
            await self._probe()
        except TimeoutError:
            raise pooler_rejected() if self._pooled else TimeoutError from None

    async def _probe(self) -> None:
        """Through the session of statements and back through that of messages."""
        assert self._commands
        self._token = secrets.token_hex(8).encode()
        self._heard.clear()
        await self._commands.call("SELECT pg_notify($1, $2)", self._probe_name, self._token.decode())
        async with deadline(_SILENT_SECONDS):
            await self._heard.wait()

    def _notified(self, name: str, data: bytes) -> None:
        if name != self._probe_name:
            self._listener.notified(name, data)
        elif data == self._token:
            self._heard.set()

    async def _down(self, error: BaseException | None) -> None:
        if error and not self._refusal and (self.trouble is None or not self._tried.is_set()):
            logger.warning("the link to PostgreSQL at %s is down: %s", self.place, first_line(error))
        self.trouble = f"the link to PostgreSQL is down: {in_short(error) if error else 'stopped'}"
        if self._up.is_set():
            self._down_since = monotonic()
        self._up.clear()
        for part in (self._commands, self._bulk, self._feed):
            if part:
                part.close()
        self._commands = self._bulk = self._feed = None
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._tried.set()

    # -- in use

    def call(self, statement: str, *parameters: Any, bulk: bool = False) -> Answer:
        """The rows of a statement; `bulk`, where they may be long. In the order of the calls, those with and those without
        `bulk` each for themselves. Raises LinkDown, or Failed with what the server says."""
        pipe = self._bulk if bulk else self._commands
        if pipe is None:
            raise LinkDown(self.trouble or "down", sent=False)
        return pipe.call(statement, *parameters)

    def follow(self, name: str) -> Awaitable[None]:
        """Hand its messages to the listener, across breaks, until `unfollow`. Also where this raises LinkDown."""
        self._followed.add(name)
        if self._feed is None:
            raise LinkDown(self.trouble or "down", sent=False)
        return self._feed.listen(name)

    def unfollow(self, name: str) -> None:
        self._followed.discard(name)
        if self._feed:
            self._feed.unlisten(name)


async def _until_it_ends(session: Session) -> None:
    await asyncio.shield(session.ended)


def _first(error: BaseException) -> BaseException:
    """Out of a group, the one that began it."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
