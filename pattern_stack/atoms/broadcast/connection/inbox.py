"""Frames of one connection that have to wait: carried out one after the other, in the order they came."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import start_task

T = TypeVar("T")

_FULL = 16


class Inbox(Generic[T]):
    """Made when a frame has to wait, and dropped when it is empty: most connections have none most of the time.

    `carry_out` is awaited for each item. `taken` is called when there is room for more; `ended` once, when the inbox is
    empty or an item failed.
    """

    __slots__ = ("_carry_out", "_ended", "_items", "_taken", "_task")

    def __init__(
        self,
        carry_out: Callable[[T], Coroutine[Any, Any, None]],
        taken: Callable[[], None],
        ended: Callable[["Inbox[T]", bool], None],
    ) -> None:
        self._carry_out = carry_out
        self._taken = taken
        self._ended = ended
        self._items: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        return len(self._items) >= _FULL

    def add(self, item: T) -> None:
        self._items.append(item)

    def start(self, instance: Instance) -> None:
        task = instance.watch(start_task(instance.loop_owner.loop, self._work()))
        if not task.done():
            self._task = task

    def cancel(self) -> None:
        self._items.clear()
        if self._task:
            self._task.cancel()

    async def _work(self) -> None:
        failed = True
        try:
            while self._items:
                item = self._items.popleft()
                if not self.full:
                    self._taken()
                await self._carry_out(item)
            failed = False
        finally:
            self._ended(self, failed)
