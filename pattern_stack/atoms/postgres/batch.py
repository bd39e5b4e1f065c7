"""Many calls of one kind at once, and few transactions."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pattern_stack.atoms.postgres.errors import Failed, LinkDown, give_up
from pattern_stack.atoms.postgres.session import Row

Item = TypeVar("Item")

_ITEMS = 128
_BYTES = 262_144


class Batch(Generic[Item]):
    """Calls of one turn of the loop share a statement, and so do those that come while the statement before is under way.

    `carry_out` takes some items and returns a row for each. `size`: the bytes of one.
    """

    def __init__(
        self, carry_out: Callable[[Sequence[Item]], Awaitable[list[Row]]], size: Callable[[Item], int] = lambda item: 0
    ) -> None:
        self._carry_out = carry_out
        self._size = size
        self._waiting: deque[tuple[Item, asyncio.Future[Row]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def call(self, item: Item) -> Row:
        """Its row; what `carry_out` raises."""
        answer: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await answer

    def forget(self) -> None:
        """The loop was closed."""
        self._waiting.clear()
        self._task = None

    async def _run(self) -> None:
        while self._waiting:
            some = self._next()
            try:
                await self._settle(some)
            except LinkDown as error:
                for _, answer in some:
                    give_up(answer, error)
            except BaseException as error:
                for _, answer in (*some, *self._waiting):
                    give_up(answer, LinkDown(f"it was given up: {type(error).__name__}", sent=True))
                self._waiting.clear()
                raise

    def _next(self) -> list[tuple[Item, asyncio.Future[Row]]]:
        some, size = [self._waiting.popleft()], 0
        while self._waiting and len(some) < _ITEMS:
            size += self._size(some[-1][0])
            if size + self._size(self._waiting[0][0]) > _BYTES:
                break
            some.append(self._waiting.popleft())
        return some

    async def _settle(self, some: list[tuple[Item, asyncio.Future[Row]]]) -> None:
        """One that the server refuses takes no other along: they are carried out one by one then."""
        try:
            rows = await self._carry_out([item for item, _ in some])
        except Failed as error:
            if len(some) == 1:
                give_up(some[0][1], error)
                return
            for one in some:
                await self._settle([one])
            return
        for (_, answer), row in zip(some, rows, strict=True):
            if not answer.done():
                answer.set_result(row)
