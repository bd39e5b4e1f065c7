"""An event loop in a thread of its own, for callers that have none."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as Late
from typing import Any, TypeVar

from pattern_stack.errors import BroadcastUnavailable

T = TypeVar("T")


class LoopThread:
    """A daemon: the process may end without stopping it. In a child of a fork it does not run."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        """Its result, or what it raises. BroadcastUnavailable, and it is cancelled, after so many seconds."""
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return future.result(seconds)
        except Late:
            if future.done():  # the work itself has raised it
                raise
            future.cancel()
            raise BroadcastUnavailable(f"there was no answer within {seconds:g} s") from None

    def stop(self) -> None:
        """Cancel what is under way, and end the thread."""

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
