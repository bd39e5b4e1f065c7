"""The supervised link to a PostgreSQL."""

import asyncio
import logging
import math
import random
import secrets
from time import monotonic
from typing import Any, Protocol

from pattern_stack.atoms.postgres.deadline import deadline
from pattern_stack.atoms.postgres.errors import LinkDown, ServerRejected, first_line, in_short
from pattern_stack.atoms.postgres.feed import Feed
from pattern_stack.atoms.postgres.pipe import Answer, Pipe
from pattern_stack.atoms.postgres.refusal import refusal
from pattern_stack.atoms.postgres.server import Server, check_pooler, examined, is_pooled, pooler_rejected, prepare
from pattern_stack.atoms.postgres.session import Notified, Run, Session
from pattern_stack.atoms.postgres.url import conninfo_of
from pattern_stack.atoms.tasks import wait_at_most

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 2.0
_SILENT_SECONDS = 3.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_NOT_YET = "the link to PostgreSQL is not up yet"


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

    It has one session for statements and, from the first name that is followed on, one more for what is long and one for
    messages. Every 2 s it asks something, or sends itself a message: a link on which nothing comes for 3 s while that is
    due is broken, whatever TCP says.
    `trouble` is what keeps it from working, in words that name neither host nor port; None while it works.
    InvalidURL for what is no PostgreSQL URL.
    """

    def __init__(self, url: str, listener: Listener, name: str) -> None:
        """`name`: begins the name of the link's own messages; lower-case letters, digits and underscores."""
        self._conninfo, self.place = conninfo_of(url)
        self._listener = listener
        self._probe_name = f"{name}_probe_{secrets.token_hex(6)}"
        self._followed: set[str] = set()
        self.listens = False
        """Open the sessions for messages at once. The first name that is followed sets it: who only publishes needs one."""
        self._sessions: list[Session] = []
        self._task: asyncio.Task[None] | None = None
        self._commands: Pipe | None = None
        self._bulk: Pipe | None = None
        self._feed: Feed | None = None
        self._token = b""
        self._pooled = False
        self._listening: asyncio.Future[None] | None = None
        """Done once the sessions for messages are there, or the link is down."""
        self._refusal: ServerRejected | None = None
        self.trouble: str | None = _NOT_YET
        self._down_since = monotonic()

    # -- its life

    async def start(self) -> None:
        """Returns when it is up, or when the server did not answer: it tries on. Raises ServerRejected."""
        if self._task is None or self._task.done():
            self._down_since = monotonic()
            self._tried, self._up, self._heard, self._asked = (asyncio.Event() for _ in range(4))
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
        self._task = self._commands = self._bulk = self._feed = self._listening = None
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
        """At the first try, whether the server will go on refusing. The error itself where none can be found: the supervisor
        goes on whatever happens here."""
        if self._tried.is_set():
            return error
        try:
            self._refusal = await refusal(error, self._conninfo, self._pooled)
        except Exception:
            logger.exception("it cannot be found out why the link to PostgreSQL is down")
        return self._refusal or error

    async def _work(self) -> None:
        self._listening = asyncio.get_running_loop().create_future()
        commands = await self._open()
        await self._check_pooler(commands)
        server = await examined(commands)
        await prepare(commands)
        await self._listener.connected(commands.run, server)
        self._commands = Pipe(commands)
        async with asyncio.TaskGroup() as group:
            _keep(group, commands, self._commands)
            if self.listens:
                await self._listen(group)
            await self._first_probe()
            self._up.set()  # before what was missed is fetched: whoever fetches may be waiting for it
            await self._listener.restored()
            logger.info("the link to PostgreSQL at %s is up", self.place)
            self.trouble = None
            self._tried.set()
            while True:
                await wait_at_most(_PROBE_SECONDS, self._asked)
                if self._asked.is_set():
                    self._asked.clear()
                    await self._listen(group)
                await self._probe()

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        """Open the sessions for messages and for what is long."""
        if self._feed:
            return
        bulk, messages = await self._open(), await self._open(self._notified)
        for session in (bulk, messages):
            await prepare(session)
        self._bulk, self._feed = Pipe(bulk), Feed(messages)
        _keep(group, bulk, self._bulk)
        _keep(group, messages, self._feed)
        async with deadline(_CONNECT_SECONDS):
            await asyncio.gather(*map(self._feed.listen, [self._probe_name, *self._followed]))
        if self._listening:
            self._listening.set_result(None)

    async def _open(self, notified: Notified | None = None) -> Session:
        async with asyncio.timeout(_CONNECT_SECONDS):
            session = await Session.open(self._conninfo, notified)
        self._sessions.append(session)
        return session

    async def _check_pooler(self, commands: Session) -> None:
        self._pooled = await is_pooled(commands)
        if self._pooled:
            other = await self._open()
            await check_pooler(other, commands)
            self._sessions.remove(other)
            other.close()

    async def _first_probe(self) -> None:
        try:
            await self._probe()
        except TimeoutError:
            raise pooler_rejected() if self._pooled else TimeoutError from None

    async def _probe(self) -> None:
        """Through the session of statements and back through that of messages, if there is one."""
        assert self._commands
        if self._feed is None:
            await self._commands.call("SELECT pg_is_in_recovery()")
            return
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
        if self._listening and not self._listening.done():
            self._listening.set_result(None)
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
        pipe = (self._bulk if bulk else None) or self._commands
        if pipe is None:
            raise LinkDown(self.trouble or "down", sent=False)
        return pipe.call(statement, *parameters)

    async def follow(self, name: str) -> None:
        """Hand its messages to the listener, across breaks, until `unfollow`. Also where this raises LinkDown."""
        self._followed.add(name)
        self.listens = True
        if self._commands and self._listening and not self._listening.done():
            self._asked.set()
            await asyncio.shield(self._listening)
        if self._feed is None:
            raise LinkDown(self.trouble or "down", sent=False)
        await self._feed.listen(name)

    def unfollow(self, name: str) -> None:
        self._followed.discard(name)
        if self._feed:
            self._feed.unlisten(name)


def _keep(group: asyncio.TaskGroup, session: Session, user: Pipe | Feed) -> None:
    group.create_task(user.run())
    group.create_task(_until_it_ends(session))


async def _until_it_ends(session: Session) -> None:
    await asyncio.shield(session.ended)


def _first(error: BaseException) -> BaseException:
    """Out of a group, the one that began it."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
