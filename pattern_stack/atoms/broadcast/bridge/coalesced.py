"""Many calls of one kind at once, and few runs."""

import asyncio
from collections.abc import Awaitable, Callable


class Coalesced:
    """Calls with the same key share a run. A call never joins a run that has begun before it: at most one waits behind it."""

    def __init__(self, run: Callable[[str], Awaitable[None]]) -> None:
        self._run = run
        self._running: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def call(self, key: str) -> None:
        """Done, or failed, as the run is. Whoever is cancelled leaves it to the others."""
        task = self._waiting.get(key)
        if task is None:
            # not create_task, which may run it at once (eager tasks): it takes itself out of here
            task = self._waiting[key] = asyncio.Task(self._run_after(self._running.get(key), key))
            task.add_done_callback(_retrieve)
        await asyncio.shield(task)

    async def _run_after(self, before: asyncio.Task[None] | None, key: str) -> None:
        if before:
            await asyncio.wait([before])
        mine = self._running[key] = self._waiting.pop(key)
        try:
            await self._run(key)
        finally:
            if self._running.get(key) is mine:
                del self._running[key]

    def clear(self) -> None:
        """The loop was closed."""
        self._running.clear()
        self._waiting.clear()


def _retrieve(task: asyncio.Task[None]) -> None:
    """Whoever waits for it is told of its error; there may be nobody left."""
    if not task.cancelled():
        task.exception()
