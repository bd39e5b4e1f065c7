"""A time limit that a busy event loop does not use up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_STEPS = 4


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """TimeoutError after so many seconds, in four steps of the loop. A loop that was held up for longer than all of them
    has not looked at its sockets: for it that is one step."""
    async with asyncio.timeout(None) as timeout:
        steps = _Steps(seconds / _STEPS, timeout)
        try:
            yield
        finally:
            steps.timer.cancel()


class _Steps:
    def __init__(self, seconds: float, timeout: asyncio.Timeout) -> None:
        self._left = _STEPS
        self._seconds = seconds
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self.timer = self._loop.call_later(seconds, self._step)

    def _step(self) -> None:
        self._left -= 1
        if self._left:
            self.timer = self._loop.call_later(self._seconds, self._step)
        else:
            self._timeout.reschedule(self._loop.time())
