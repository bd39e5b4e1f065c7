"""Runs calls on the loop that owns the hub, from any thread or loop."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from contextlib import suppress
from typing import Any, TypeVar

from pattern_stack.errors import BroadcastClosed, BroadcastError

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]

_SLICE = 0.5
_ENDED = "the loop that the hub belonged to has ended"


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without a loop. Raises RuntimeError where it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} had to wait")


def start_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that runs at once up to its first wait where Python can do that (3.12), else in the loop's next turn.

    It may have ended when this returns.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


class LoopOwner:
    """The one loop that a hub belongs to: the loop of its first holder, until the last holder has released it.

    Holders are connections, in-process subscriptions, tasks and lifespans. Without a holder nobody is subscribed to
    anything, and a call runs where it is made. The lock keeps such calls and the first holder from running at once.
    A loop that was closed with holders on it owns nothing any more: `forget` is called to forget them.
    `begin` is called when the hub gets a loop.
    `before_crossing` is awaited on the hub's loop before each call that comes from elsewhere.
    """

    def __init__(self, forget: Callable[[], None], begin: Callable[[], None], before_crossing: Call[None]) -> None:
        self._forget = forget
        self._begin = begin
        self._before_crossing = before_crossing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._holders = 0
        self._lock = threading.RLock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Raises BroadcastError while nothing holds a loop."""
        if self._loop is None:
            raise BroadcastError("the hub belongs to no loop now")
        return self._loop

    def acquire(self) -> None:
        """Hold the running loop as the hub's. Raises BroadcastError where the hub belongs to another one."""
        with self._lock:
            if self.is_current():
                self._holders += 1
                return
            running = asyncio.get_running_loop()
            owner = self._owner()
            if owner is None:
                self._loop, self._holders = running, 0
                self._thread = threading.get_ident()
                self._begin()
            elif owner is not running:
                raise BroadcastError(
                    "this hub is in use on another event loop. Use it there, or make another backend; "
                    "tests put all they do inside one `with TestClient(app) as client`"
                )
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders <= 0:
                self._loop = None

    def disown(self) -> bool:
        """In a child of a fork: the loop runs in the parent. True if there was one."""
        had_loop = self._loop is not None
        self._lock = threading.RLock()
        self._loop, self._holders = None, 0
        return had_loop

    def _owner(self) -> asyncio.AbstractEventLoop | None:
        if self._loop is not None and self._loop.is_closed():
            self._loop = None
            self._forget()
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

    def call_soon(self, call: Callable[[], None], without_loop: Callable[[], None]) -> None:
        """Make a call on the hub's loop, without waiting for it: at once there, in its next turn from elsewhere. Where the
        hub has no loop, `without_loop` is called here."""
        if self.is_current():
            call()
            return
        with self._lock:
            while (loop := self._owner()) is not None:
                with suppress(RuntimeError):  # it was closed between the look and the call: look again
                    loop.call_soon_threadsafe(self._arrive_soon, loop, call, without_loop)
                    return
            without_loop()

    def _arrive_soon(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], None], without_loop: Callable[[], None]
    ) -> None:
        """As `_arrive`."""
        with self._lock:
            if self._owner() is not loop:
                without_loop()
                return
        call()

    async def run(self, call: Call[T]) -> T:
        """Run `call()` on the hub's loop, and return its result.

        Raises BroadcastClosed where that loop ends before the call has.
        """
        if self.is_current():
            return await call()
        loop, crossing = self._cross(call)
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
            waiting.exception()  # reading it keeps asyncio from logging it
        return _result(crossing)

    def run_sync(self, call: Call[T]) -> T:
        """`run` for a plain thread. Raises BroadcastError on the hub's own loop, which it would block for ever."""
        if self.is_current():
            raise BroadcastError("this call waits for the hub's loop and must not be made on it; await the other one")
        loop, crossing = self._cross(call)
        while not crossing.done():
            futures.wait((crossing,), timeout=_SLICE)
            _cancel_if_stopped(loop, crossing)
        return _result(crossing)

    def _cross(self, call: Call[T]) -> tuple[asyncio.AbstractEventLoop | None, futures.Future[T]]:
        with self._lock:
            while (loop := self._owner()) is not None:
                coroutine = self._arrive(call)
                try:
                    return loop, asyncio.run_coroutine_threadsafe(coroutine, loop)
                except RuntimeError:  # the loop was closed between the look and the call: look again
                    coroutine.close()
            done: futures.Future[T] = futures.Future()
            done.set_result(run_now(call()))
            return None, done

    async def _arrive(self, call: Call[T]) -> T:
        """Holds the loop meanwhile. The last holder may have gone since the call set out: then it runs as one does that is
        made where there is no holder, and not beside such calls of other threads."""
        here = asyncio.get_running_loop()
        with self._lock:
            owner = self._owner()
            if owner is None:
                return run_now(call())
            if owner is not here:
                raise BroadcastClosed(_ENDED)
            self._holders += 1
        try:
            await self._before_crossing()
            return await call()
        finally:
            with self._lock:
                if self._loop is here:
                    self.release()


def _cancel_if_stopped(loop: asyncio.AbstractEventLoop | None, crossing: futures.Future[Any]) -> None:
    """A call that waits on a loop that runs no more would wait for ever."""
    if not crossing.done() and loop is not None and not loop.is_running():
        crossing.cancel()


def _result(crossing: futures.Future[T]) -> T:
    if crossing.cancelled():
        raise BroadcastClosed(_ENDED)
    return crossing.result()


class foreign_code:  # noqa: N801 - used as contextlib's functions are
    """Around a call of the application's code: a CancelledError from something that it awaited, and that was cancelled
    elsewhere, is its failure (RuntimeError) and not the end of our task."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                raise RuntimeError("what it awaited was cancelled") from error
