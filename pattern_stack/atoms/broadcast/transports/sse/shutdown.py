"""Streams end when the server stops. ASGI has no message for that, and uvicorn waits for responses that go on."""

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection

_POLL_SECONDS = 0.25
_RETURN_SECONDS = 2.0


class Shutdown:
    """While streams are open, looks whether uvicorn was told to stop, and closes them with 1012 then.

    Servers that cancel responses when they stop need none of this. Nor does `pattern-stack serve`, which drains first.
    """

    def __init__(self) -> None:
        self._open: set[ClientConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watching(self, connection: ClientConnection) -> Iterator[None]:
        self._open.add(connection)
        if self._timer is None:
            self._look()
        try:
            yield
        finally:
            self._open.discard(connection)
            if not self._open and self._timer:
                self._timer.cancel()
                self._timer = None

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_POLL_SECONDS, self._look)
        if _is_stopping():
            for connection in list(self._open):
                connection.close(1012, f"retry-after={random.uniform(0.1, _RETURN_SECONDS):.1f}")


def _is_stopping() -> bool:
    """uvicorn handles SIGTERM by a method of its Server, under gunicorn too."""
    handler = signal.getsignal(signal.SIGTERM)
    return getattr(getattr(handler, "__self__", None), "should_exit", False) is True
