"""Whether something holds up the event loop, and with it every client."""

import asyncio
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from pattern_stack.atoms.broadcast.instance.instance import instances

_LOOKS = 5
"""How often it looks in the time that is allowed."""
_SHOWN = 5
_LEADING = re.compile(r"/(asyncio|starlette|fastapi|anyio|uvicorn|httpx2|pluggy|_pytest|pytest_asyncio)/")
_MEETING_SECONDS = 5
_IDLE = ("selectors.py", "proactor_events.py")


@contextmanager
def assert_never_blocked(longest: float = 0.25) -> Iterator[None]:
    """While the block runs, no hook, handler or endpoint may hold up an event loop for `longest` seconds, as `time.sleep` or a
    synchronous database call in an `async def` does. It looks at the loop of the test, and at those that backends are on: open
    it inside `with TestClient(app)`.

    Raises AssertionError, which names the line that the loop waited in.
    """
    watch = _Watch(longest)
    watch.meet()
    thread = threading.Thread(target=watch.run, name="pattern_stack.testing.blocking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.stopped.set()
        thread.join()
    if watch.found:
        raise AssertionError(
            f"the event loop stood still for {longest:g} s, and every client with it:\n{''.join(watch.found)}"
        )


class _Watch:
    """Asks each loop for a sign of life, from a thread of its own."""

    def __init__(self, longest: float) -> None:
        self.stopped = threading.Event()
        self.found: list[str] = []
        self._longest = longest
        self._asked: dict[asyncio.AbstractEventLoop, float] = {}
        self._threads: dict[asyncio.AbstractEventLoop, int] = {}

    def meet(self) -> None:
        """Learn the threads of the loops that are there: one that stands still does not tell."""
        with suppress(RuntimeError):
            self._threads[asyncio.get_running_loop()] = threading.get_ident()
        for loop in self._loops() - self._threads.keys():
            met = threading.Event()
            self._asked[loop] = time.monotonic()
            loop.call_soon_threadsafe(self._alive, loop, met)
            met.wait(_MEETING_SECONDS)

    def run(self) -> None:
        while not self.stopped.wait(self._longest / _LOOKS) and not self.found:
            for loop in self._loops():
                with suppress(RuntimeError):  # it has ended meanwhile
                    self._look(loop)

    def _loops(self) -> set[asyncio.AbstractEventLoop]:
        owners = [instance.loop_owner for instance in list(instances)]
        loops = {owner.loop for owner in owners if owner.is_owned} | self._threads.keys()
        return {loop for loop in loops if loop.is_running()}

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop not in self._asked:
            self._asked[loop] = time.monotonic()
            loop.call_soon_threadsafe(self._alive, loop)
        elif time.monotonic() - self._asked[loop] > self._longest and loop in self._threads:
            frame = sys._current_frames().get(self._threads[loop])
            if frame and not frame.f_code.co_filename.endswith(_IDLE):
                self.found = _shown(frame)

    def _alive(self, loop: asyncio.AbstractEventLoop, met: threading.Event | None = None) -> None:
        self._threads[loop] = threading.get_ident()
        self._asked.pop(loop, None)
        if met:
            met.set()


def _shown(frame: FrameType) -> list[str]:
    """The innermost calls, without those that lead to any handler."""
    calls = [call for call in traceback.extract_stack(frame) if not _LEADING.search(call.filename.replace("\\", "/"))]
    return traceback.format_list(calls[-_SHOWN:])
