"""Supervised background tasks, a wait with a time limit, and calls on another event loop."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Tasks:
    """Background tasks that are meant to run until `stop`, all on one event loop.

    A task that ends by itself, with an exception or without, is logged with its traceback and named in `trouble`. The others
    run on.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.trouble: str | None = None
        """Names the first task that ended by itself; None while all of them run."""

    def start(self, name: str, run: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine on the running event loop. `name` stands in log lines and in `trouble`."""
        task = asyncio.get_running_loop().create_task(run, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.trouble = self.trouble or f"{task.get_name()} has ended"
            logger.error("%s has ended", task.get_name(), exc_info=task.exception())

    async def stop(self) -> None:
        """Cancel all tasks. Returns when each has ended, and forgets the trouble: new ones may be started then."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.trouble = None


async def wait_at_most(seconds: float, event: asyncio.Event) -> None:
    """Return when the event is set, or after so many seconds. The event is not cleared."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that this call runs on."""
    return asyncio.get_running_loop()


async def run_on(loop: asyncio.AbstractEventLoop, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await `call()` on a loop that runs, in whichever thread. Returns what it returns, raises what it raises."""
    if loop is asyncio.get_running_loop():
        return await call()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), loop))
