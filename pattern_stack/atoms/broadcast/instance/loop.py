"""Crossing threads and loops: everything of a hub happens on one loop, whoever calls from wherever."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, TypeVar

from pattern_stack.errors import BroadcastClosed, BroadcastError

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]

_SLICE = 0.5


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without a task. RuntimeError where it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} had to wait")


class LoopOwner:
    """The one loop that a hub belongs to: that of its first holder, until the last one has let go.

    Holders are connections, in-process subscriptions and lifespans. Without a holder nobody is subscribed to anything,
    and a call runs where it is made; the lock keeps such calls, and the first holder, from running into each other.
    A loop that was closed with holders on it owns nothing any more: `abandoned` is called to forget them.
    """

    def __init__(self, abandoned: Callable[[], None]) -> None:
        self._abandoned = abandoned
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._holders = 0
        self._lock = threading.RLock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise BroadcastError("the hub belongs to no loop now")
        return self._loop

    def acquire(self) -> None:
        """Make the running loop the hub's. BroadcastError where it belongs to another one."""
        running = asyncio.get_running_loop()
        with self._lock:
            owner = self._owner()
            if owner is None:
                self._loop, self._holders = running, 0
                self._thread = threading.get_ident()
            elif owner is not running:
                raise BroadcastError(
                    "this hub is in use on another event loop. Use it there, or a backend of your own; "
                    "tests put all they do inside one `with TestClient(app) as client`"
                )
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders <= 0:
                self._loop = None

    def _owner(self) -> asyncio.AbstractEventLoop | None:
        if self._loop is not None and self._loop.is_closed():
            self._loop = None
            self._abandoned()
        return self._loop

    @property
    def is_owned(self) -> bool:
        with self._lock:
            return self._owner() is not None

    def is_current(self) -> bool:
        """Whether the caller is on the hub's loop: the loop runs, and in this thread.

        `asyncio.get_running_loop` would say it too, but before Python 3.12 it asks the kernel for the process id each time.
        """
        loop = self._loop
        return loop is not None and self._thread == threading.get_ident() and loop.is_running()

    async def run(self, call: Call[T], elsewhere: Call[T]) -> T:
        """`call()` where the caller is on the hub's loop, `elsewhere()` on the hub's loop where the caller is not.

        Raises BroadcastClosed where that loop ends before it has answered.
        """
        if self.is_current():
            return await call()
        loop, crossing = self._cross(call, elsewhere)
        if loop is None:  # it ran here, and may be part of another such call, which must not wait
            return _result(crossing)
        waiting = asyncio.wrap_future(crossing)
        try:
            while not waiting.done():
                await asyncio.wait((waiting,), timeout=_SLICE)
                _cancel_if_stopped(loop, crossing)
        except asyncio.CancelledError:
            waiting.cancel()
            raise
        if not waiting.cancelled():
            waiting.exception()  # it has been looked at: nothing of it is logged
        return _result(crossing)

    def run_sync(self, call: Call[T], elsewhere: Call[T]) -> T:
        """The same for a plain thread. BroadcastError on the hub's own loop, which it would block for ever."""
        if self.is_current():
            raise BroadcastError("this call waits for the hub's loop and must not be made on it; await the other one")
        loop, crossing = self._cross(call, elsewhere)
        while not crossing.done():
            futures.wait((crossing,), timeout=_SLICE)
            _cancel_if_stopped(loop, crossing)
        return _result(crossing)

    def _cross(self, call: Call[T], elsewhere: Call[T]) -> tuple[asyncio.AbstractEventLoop | None, futures.Future[T]]:
        with self._lock:
            while (loop := self._owner()) is not None:
                coroutine = elsewhere()
                try:
                    return loop, asyncio.run_coroutine_threadsafe(coroutine, loop)
                except RuntimeError:  # it was closed between the look and the call: look again
                    coroutine.close()
            done: futures.Future[T] = futures.Future()
            done.set_result(run_now(call()))
            return None, done


def _cancel_if_stopped(loop: asyncio.AbstractEventLoop | None, crossing: futures.Future[Any]) -> None:
    """A call that waits on a loop that runs no more would wait for ever."""
    if not crossing.done() and loop is not None and not loop.is_running():
        crossing.cancel()


def _result(crossing: futures.Future[T]) -> T:
    if crossing.cancelled():
        raise BroadcastClosed("the loop that the hub belonged to has ended")
    return crossing.result()


@contextmanager
def foreign_code() -> Iterator[None]:
    """Around what an application gave us: a CancelledError that it brings along, from something it awaited that was
    cancelled elsewhere, is its failure and not the end of our task."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("what it awaited was cancelled") from error
