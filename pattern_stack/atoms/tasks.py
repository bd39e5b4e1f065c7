"""Supervised background tasks, and a wait that has a time limit."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Tasks:
    """`trouble` names the first that ended by itself, which is logged with its traceback; None while all of them run."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.trouble: str | None = None

    def start(self, name: str, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(run, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.trouble = self.trouble or f"{task.get_name()} has ended"
            logger.error("%s has ended", task.get_name(), exc_info=task.exception())

    async def stop(self) -> None:
        """Once they have ended."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.trouble = None


async def wait_at_most(seconds: float, event: asyncio.Event) -> None:
    """Wait until the event is set, or for so many seconds. The event is not cleared."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
