"""The supervised link of one worker to the broker: it starts the broker where there is none, and reconnects by itself."""

import asyncio
import logging
import math
import random
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from pattern_stack.atoms.ipc.frames import ARRIVED, REFUSED, SENT, VERSION
from pattern_stack.atoms.ipc.line import Line, LinkDown
from pattern_stack.atoms.ipc.peers import is_own_user
from pattern_stack.atoms.ipc.rendezvous import Meeting, Untrusted
from pattern_stack.atoms.ipc.starting import start_broker
from pattern_stack.atoms.tasks import wait_at_most

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 2.0
_SILENT_SECONDS = 3.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
_LONGEST_POLL = 0.05
_NOT_YET = "the link to the other workers is not up yet"


class Refused(Exception):
    """Workers cannot be linked here, however long one waits. The message says why."""


class Listener(Protocol):
    """Whoever uses a link."""

    def event(self, channel: str, epoch: str, offset: int, body: bytes) -> None:
        """An event of a channel that is followed, in the order of the broker. Never raises."""

    def message(self, channel: str, body: bytes) -> None:
        """A message of a followed channel that has no place in its order. Never raises."""

    async def restored(self) -> None:
        """The link is up again, and every followed channel followed: what came meanwhile has to be fetched."""


class Link:
    """Calls and messages of one space, on one loop.

    Every 2 s it asks the broker for an answer: one that gives none for 3 s is taken for dead. `trouble` is what keeps the
    link from working, in words; None while it works.
    """

    def __init__(self, meet: Callable[[], Meeting], listener: Listener, *, starts_broker: bool = True) -> None:
        """`meet` tells where the workers meet, when the link starts. It raises Untrusted or OSError. `starts_broker`: that of
        a worker starts one where there is none; the others wait for a worker."""
        self._starts_broker = starts_broker
        self._role = () if starts_broker else (False,)
        """What it says of itself in its hello: whether the broker lives on for it."""
        self._meet = meet
        self._listener = listener
        self._meeting: Meeting | None = None
        self._followed: dict[str, None] = {}
        self._line: Line | None = None
        self._task: asyncio.Task[None] | None = None
        self._refusal: Refused | None = None
        self.life = ""
        """The name of the broker that it is, or was last, connected to."""
        self._was_up = False
        self.is_first = False
        """Nobody was in its space before it, since the broker is there."""
        self.trouble: str | None = _NOT_YET
        self._down_since = monotonic()

    # -- its life

    async def start(self) -> None:
        """Returns when it is up, or when there is no broker yet: it tries on. Raises Refused."""
        if self._task is None or self._task.done():
            self._down_since = monotonic()
            self._tried, self._up = asyncio.Event(), asyncio.Event()
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
        self._task = self._line = None
        self._followed.clear()
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
                    await self._work(await self._connected())
                except (Refused, Untrusted) as error:
                    self._refused(str(error))
                except (OSError, TimeoutError, LinkDown) as error:
                    self._down(str(error) or "the broker does not answer")
                except Exception as error:
                    logger.exception("the link to the other workers failed")
                    self._down(type(error).__name__)
                # from the start again where it was up: a broker that is killed again and again is looked for at once
                pause = _SHORTEST_PAUSE if self._was_up else min(pause * 1.5, _LONGEST_PAUSE)
                self._was_up = False
                await asyncio.sleep(random.uniform(0, pause))
        finally:
            self._down(None)

    def _refused(self, why: str) -> None:
        if not self._tried.is_set():
            self._refusal = Refused(f"workers cannot be linked: {why}")
        self._down(why)

    async def _connected(self) -> Line:
        """To the broker, which a worker starts where there is none. Raises LinkDown where this is no worker's."""
        meeting = self._meeting = self._meeting or self._place_to_meet()
        pause = _SHORTEST_PAUSE
        async with asyncio.timeout(_CONNECT_SECONDS):
            while True:
                line = socket.socket(socket.AF_UNIX)
                line.setblocking(False)
                try:
                    line.connect(str(meeting.path))
                except (FileNotFoundError, ConnectionRefusedError):
                    line.close()
                    if not self._starts_broker:
                        raise LinkDown("no worker serves at the path of this URL", sent=False) from None
                    await asyncio.to_thread(start_broker, meeting)
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_POLL)
                except BlockingIOError:  # more connect at this moment than its queue holds
                    line.close()
                    await asyncio.sleep(pause)
                except BaseException:
                    line.close()
                    raise
                else:
                    return self._trusted(line)

    def _place_to_meet(self) -> Meeting:
        try:
            return self._meet()
        except OSError as error:
            raise Untrusted(f"{error.filename}: {error.strerror}") from error

    def _trusted(self, line: socket.socket) -> Line:
        if not is_own_user(line):
            line.close()
            raise Untrusted(f"another user listens on {self.place}")
        return Line(line, self._message, self._broken)

    @property
    def place(self) -> str:
        return str(self._meeting.path) if self._meeting else "?"

    async def _work(self, line: Line) -> None:
        assert self._meeting
        try:
            async with asyncio.timeout(_SILENT_SECONDS):
                (life, self.is_first), _ = await line.call("hello", VERSION, self._meeting.space, *self._role)
                if self._followed:
                    await line.call("follow", *self._followed)
            self.life, self._line = life, line
            self._was_up = True
            self._up.set()  # before what was missed is fetched: whoever fetches may be waiting for it
            await self._restore(line)
            if self.trouble == _NOT_YET:
                logger.debug("linked over %s", self.place)
            elif self.trouble:
                logger.warning("the link to the other workers is up again")
            self.trouble = None
            self._tried.set()
            await self._probe(line)
        except LinkDown:
            if self._refusal:
                raise self._refusal from None
            raise
        finally:
            line.close()

    async def _restore(self, line: Line) -> None:
        """Not waited for any longer where the link breaks meanwhile."""
        restoring = asyncio.ensure_future(self._listener.restored())
        breaking = asyncio.ensure_future(line.broken.wait())
        await asyncio.wait((restoring, breaking), return_when=asyncio.FIRST_COMPLETED)
        breaking.cancel()
        if not restoring.done():
            restoring.cancel()
            raise LinkDown("it broke again", sent=False)
        await restoring

    async def _probe(self, line: Line) -> None:
        while True:
            await wait_at_most(_PROBE_SECONDS, line.broken)
            async with asyncio.timeout(_SILENT_SECONDS):
                await line.call("ping")

    def _message(self, header: list[Any], body: bytes) -> None:
        kind = header[0]
        if kind == ARRIVED:
            _, channel, epoch, offset = header
            self._listener.event(channel, epoch, offset, body)
        elif kind == SENT:
            self._listener.message(header[1], body)
        elif kind == REFUSED:
            self._refusal = Refused(f"workers cannot be linked: {header[1]}")

    def _broken(self) -> None:
        if self._up.is_set():
            self._down_since = monotonic()
        self._up.clear()
        self._line = None

    def _down(self, why: str | None) -> None:
        if why and not self._refusal and self.trouble is None:
            logger.warning("the link to the other workers is down: %s", why)
        self.trouble = f"the link to the other workers is down: {why or 'stopped'}"
        self._up.clear()
        self._tried.set()

    # -- in use

    async def call(self, call: str, *arguments: Any, body: bytes = b"") -> tuple[list[Any], bytes]:
        """The answer: a header and a body. Raises LinkDown."""
        if self._line is None:
            raise LinkDown(self.trouble or "down", sent=False)
        return await self._line.call(call, *arguments, body=body)

    async def follow(self, channel: str) -> None:
        """Hand its messages to the listener, across breaks, until `unfollow`. Also where this raises LinkDown."""
        self._followed[channel] = None
        await self.call("follow", channel)

    def unfollow(self, channel: str) -> None:
        self._followed.pop(channel, None)
        if self._line:
            self._line.call("unfollow", channel)
