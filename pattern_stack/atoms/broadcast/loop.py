"""Crossing threads and loops: everything of a hub happens on one loop, whoever calls from wherever."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pattern_stack.errors import BroadcastClosed, BroadcastError

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without a task. RuntimeError where it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} had to wait")


class Home:
    """The one loop that a hub belongs to: that of its first holder, until the last one has let go.

    Holders are connections, in-process subscriptions and lifespans. Without a holder nobody is subscribed to anything,
    and a call runs where it is made; the lock keeps such calls, and the first holder, from running into each other.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._holders = 0
        self._lock = threading.RLock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise BroadcastError("the hub belongs to no loop now")
        return self._loop

    def hold(self) -> None:
        """Make the running loop the hub's. BroadcastError where it belongs to another one."""
        running = asyncio.get_running_loop()
        with self._lock:
            if self._loop is not running:
                if self._owner() is not None:
                    raise BroadcastError(
                        "this hub is in use on another event loop; use it there, or a backend of your own"
                    )
                self._loop, self._holders = running, 0
            self._holders += 1

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders <= 0:
                self._loop = None

    def _owner(self) -> asyncio.AbstractEventLoop | None:
        """The loop, while it can still run something: one that was closed with holders on it owns nothing."""
        if self._loop is not None and self._loop.is_closed():
            self._loop = None
        return self._loop

    def is_here(self) -> bool:
        """Whether the caller is on the hub's loop."""
        return self._loop is not None and self._loop is _running()

    async def run(self, call: Call[T], elsewhere: Call[T]) -> T:
        """`call()` where the caller is on the hub's loop, `elsewhere()` on the hub's loop where the caller is not."""
        if self.is_here():
            return await call()
        crossing = self._cross(elsewhere, call)
        if not isinstance(crossing, concurrent.futures.Future):
            return crossing[0]
        try:
            return await asyncio.wrap_future(crossing)
        except asyncio.CancelledError:
            if crossing.cancelled() and not _cancelling():
                raise BroadcastClosed("the loop that the hub belonged to has ended") from None
            raise

    def run_sync(self, call: Call[T], elsewhere: Call[T]) -> T:
        """The same for a plain thread. BroadcastError on the hub's own loop, which it would block for ever."""
        if self.is_here():
            raise BroadcastError("this call waits for the hub's loop and must not be made on it; await the other one")
        crossing = self._cross(elsewhere, call)
        if not isinstance(crossing, concurrent.futures.Future):
            return crossing[0]
        try:
            return crossing.result()
        except concurrent.futures.CancelledError:
            raise BroadcastClosed("the loop that the hub belonged to has ended") from None

    def _cross(self, elsewhere: Call[T], call: Call[T]) -> "concurrent.futures.Future[T] | tuple[T]":
        with self._lock:
            loop = self._owner()
            if loop is None:
                return (run_now(call()),)
            return asyncio.run_coroutine_threadsafe(elsewhere(), loop)


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
