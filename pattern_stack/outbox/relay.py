"""The relay: it looks for events that wait, takes its turn, and publishes them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.tasks import wait_at_most
from pattern_stack.errors import BroadcastClosed, BroadcastUnavailable
from pattern_stack.outbox.database import Database, in_one_line
from pattern_stack.outbox.publishing import RowPublisher
from pattern_stack.outbox.queue import ROWS, Done, Queue, Waiting, pieces
from pattern_stack.outbox.turns import Turns

logger = logging.getLogger(__name__)

_FIRST_LOOK, _LAST_LOOK = 0.01, 0.5
"""After it was woken or found something it looks again soon, and then more and more seldom."""
_OTHERS_TURN = 0.16
"""The longest pause while another relay has the turn: it may have died."""
_REST, _LONGEST_REST = 3, 0.03
"""After it has published it rests: so many times as long as it has worked, and at most so many seconds. What is committed
meanwhile goes together, and the relay takes a part of the processor that does not grow with the number of commits."""
_RETRY = 0.5
_PIECE = 64
"""Events that are published between two looks at whether it is still its turn."""
_STOP_SECONDS = 5


class Relay:
    """That of one application. All but `wake` is used on its event loop."""

    def __init__(self, database: Database, queue: Queue, turns: Turns, publisher: RowPublisher) -> None:
        self.rows_waiting = 0
        """What it saw last: 0 where it publishes."""
        self.trouble: str | None = None
        """What keeps events waiting, and how many, in words; None while nothing does."""
        self._database = database
        self._queue = queue
        self._turns = turns
        self._publisher = publisher
        self._done = Done()
        self._woken = asyncio.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._log = LogEvery(logger)

    def wake(self) -> None:
        """Something was committed. May be called in any thread."""
        if not self._woken.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def prepare(self) -> None:
        """Make the tables that are missing. Where that fails, `trouble` says why, and the relay tries again."""
        await self._attempt(self._make_tables)

    async def stop(self) -> None:
        """Returns when what it has begun is done, or after 5 s."""
        self._stopping = True
        self._woken.set()
        await wait_at_most(_STOP_SECONDS, self._ended)

    async def run(self) -> None:
        """Until it is stopped, and then until it is cancelled: one that ends by itself has failed."""
        pause = _FIRST_LOOK
        try:
            while not self._stopping:
                if self._woken.is_set():
                    self._woken.clear()
                    pause = _FIRST_LOOK
                pause = await self._look(pause)
        finally:
            self._turns.close()
            self._ended.set()
        await self._loop.create_future()

    # -- one look

    async def _look(self, pause: float) -> float:
        """Publish what waits, and rest. Returns how long to rest after the next look, if that finds nothing."""
        begun = self._loop.time()
        rows = await self._attempt(self._publish_all)
        if self.trouble is not None:
            await asyncio.sleep(0 if self._stopping else _RETRY)
            await self._attempt(self._make_tables)
        elif rows:
            await asyncio.sleep(min(_REST * (self._loop.time() - begun), _LONGEST_REST))
        else:
            await wait_at_most(pause, self._woken)
            return min(2 * pause, _OTHERS_TURN if rows is None else _LAST_LOOK)
        return _FIRST_LOOK

    async def _publish_all(self) -> int | None:
        """How many events it published until few or none waited; None where it is another relay's turn."""
        if (reason := self._publisher.trouble) is not None:
            raise BroadcastUnavailable(reason)
        published = 0
        while rows := await self._step(more=not self._stopping):
            await self._publish(rows)
            published += len(rows)
            if len(rows) < ROWS:
                rows = await self._step(more=False)
                break
        self.rows_waiting = 0
        self._works()
        return published or (None if rows is None else 0)

    async def _step(self, *, more: bool) -> list[Waiting] | None:
        step = await self._database.run(lambda connection: self._queue.step(connection, self._done, more=more))
        if step.written:
            self._done.clear()
        return step.rows

    async def _publish(self, rows: list[Waiting]) -> None:
        async with self._turns.kept(self._database.run):
            for piece in pieces(rows, _PIECE):
                if self._stopping or not self._turns.is_ours:
                    return
                await self._publisher.publish(piece, self._done)

    # -- what can go wrong

    async def _attempt(self, work: Callable[[], Awaitable[int | None]]) -> int | None:
        """What `work` returns; 0 where it failed, with the reason as the trouble."""
        try:
            return await work()
        except (BroadcastUnavailable, BroadcastClosed) as error:
            await self._give_up(str(error))
        except Exception as error:  # drivers have errors of their own: the relay outlives them all
            self._is_in_trouble(f"the outbox cannot use its database: {in_one_line(error)}", error)
        return 0

    async def _make_tables(self) -> int:
        if told := await self._database.run(self._queue.make_tables):
            self._is_in_trouble(told)
        return 0

    async def _give_up(self, reason: str) -> None:
        """Nothing can be published here now: maybe another relay can."""
        try:
            waiting = await self._database.run(self._queue.leave)
        except Exception as error:
            self._is_in_trouble(f"{reason}; the outbox cannot use its database either: {in_one_line(error)}", error)
        else:
            self.rows_waiting = waiting
            self._is_in_trouble(f"{reason}: {waiting} events wait in the outbox")

    def _is_in_trouble(self, what: str, error: Exception | None = None) -> None:
        self.trouble = what
        if not self._stopping:
            self._log.warning("%s", what)
        if error is not None:
            logger.debug("%s", what, exc_info=error)

    def _works(self) -> None:
        if self.trouble is not None:
            logger.info("the outbox goes on")
        self.trouble = None
