"""Calls of the store's journals: within a time, and past the moment in which a new store learns what it may have lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.journal import SETTLING_SECONDS, Appended, JournalReading, Step
from pattern_stack.atoms.broadcast.core.event import Draft
from pattern_stack.errors import BroadcastClosed, BroadcastUnavailable
from pattern_stack.features.sessions.errors import SessionUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_SECONDS = 5.0
"""So long a call waits, from when it came."""
_LEAST_SECONDS = 1.0
"""One that waited for something else before has this left."""
_NEW_SECONDS = 2 * SETTLING_SECONDS
"""After a store's new life was noticed, what is missing may still be offered by another instance."""
_AGAIN_SECONDS = 0.1

_until: ContextVar[float] = ContextVar("until")


async def nothing() -> None: ...


class StoreCalls:
    """Raises SessionUnavailable. `reborn` is called when the store has another life than before: it may have lost something."""

    def __init__(self, engine: SharedEngine, reborn: Callable[[], None]) -> None:
        self._engine = engine
        self._reborn = reborn
        self._life: str | None = None
        self._new_until = float("-inf")

    def begin(self) -> None:
        """A call has come."""
        _until.set(asyncio.get_running_loop().time() + WAIT_SECONDS)

    async def append(self, channel: str, step: Step, drafts: Sequence[Draft]) -> Appended:
        """Its state is `moved` where the store does not know the journal yet: read it again."""
        async with self._in_time():
            appended = await self._engine.append(channel, step, drafts)
        if self._may_come(appended):
            return appended._replace(state="moved")
        return appended

    async def read(
        self, channel: str, number: int, id: str, between: Callable[[], Awaitable[None]] = nothing
    ) -> JournalReading:
        """`between` is called while the store does not know the journal yet."""
        async with self._in_time():
            while self._may_come(reading := await self._engine.journals.read(channel, number, id)):
                await between()
                await asyncio.sleep(_AGAIN_SECONDS)
            return reading

    async def compact(self, channel: str, number: int, id: str, snapshot: bytes) -> None:
        async with self._in_time():
            await self._engine.journals.compact(channel, number, id, snapshot)

    async def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes | None) -> bool:
        async with self._in_time():
            return await self._engine.journals.offer(channel, number, id, about, snapshot)

    async def all(self) -> list[tuple[str, bytes]]:
        async with self._in_time():
            return await self._engine.journals.all()

    async def look(self) -> None:
        """Notice a new life."""
        async with self._in_time():
            self._saw(await self._engine.journals.life())

    def _may_come(self, answer: Appended | JournalReading) -> bool:
        self._saw(answer.life)
        is_new = asyncio.get_running_loop().time() < self._new_until
        return answer.state == "unsettled" or (answer.state == "gone" and is_new)

    def _saw(self, life: str) -> None:
        before, self._life = self._life, life
        if before not in (None, life):
            self._new_until = asyncio.get_running_loop().time() + _NEW_SECONDS
            self._reborn()

    @asynccontextmanager
    async def _in_time(self) -> "AsyncIterator[None]":
        left = _until.get(float("inf")) - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(max(left, _LEAST_SECONDS), WAIT_SECONDS)) as timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise SessionUnavailable("the store of sessions does not answer now") from None
        except BroadcastClosed:
            raise
        except BroadcastUnavailable as error:
            raise SessionUnavailable(f"the session cannot be reached now: {error}") from error
