"""The connections of one instance: how many are open, which are stalled, and how they end when the instance stops."""

import asyncio
import random

from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.loop import LoopOwner

_RECONNECTS_A_SECOND = 500
_POLL_SECONDS = 0.02


class Connections:
    """Each connection holds the hub's loop until its socket is gone."""

    def __init__(self, limits: Limits, loop_owner: LoopOwner) -> None:
        self._limits = limits
        self._loop_owner = loop_owner
        self.open: set[ManagedConnection] = set()
        """Those that are not closed. Only these are counted for users."""
        self.closing: set[ManagedConnection] = set()
        """Those that were sent a close, or are about to be, and whose socket is still there."""
        self.draining = False
        """New connections are closed with 1012."""
        self.queued = 0
        """Sockets on a transport whose frames wait in a queue of the server."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: ManagedConnection) -> None:
        self._loop_owner.acquire()
        self.open.add(connection)
        self.queued += connection.queued
        if self._timer is None:
            self._timer = self._loop_owner.loop.call_later(self._limits.stalled_seconds, self._check_all)

    def start_closing(self, connection: ManagedConnection) -> None:
        self.open.discard(connection)
        self.closing.add(connection)

    def remove(self, connection: ManagedConnection) -> None:
        """Its socket is gone."""
        self.open.discard(connection)
        self.closing.discard(connection)
        self.queued -= connection.queued
        if not self.open and not self.closing and self._timer:
            self._timer.cancel()
            self._timer = None
        self._loop_owner.release()

    def forget(self) -> None:
        """The loop was closed, and every socket with it."""
        self.open.clear()
        self.closing.clear()
        self.queued, self._timer = 0, None

    def _check_all(self) -> None:
        self._timer = self._loop_owner.loop.call_later(self._limits.stalled_seconds, self._check_all)
        for connection in [*self.open, *self.closing]:
            connection.check()

    async def drain(self, seconds: float) -> int:
        """Close every connection with 1012 and a delay of its own, so that clients do not all come back at once.

        Connections that have not closed after `seconds` are aborted. Returns how many were.
        """
        self.draining = True
        spread = min(max(len(self.open) / _RECONNECTS_A_SECOND, 1), 30)
        for connection in list(self.open):
            connection.close(1012, f"retry-after={random.uniform(0.1, spread):.1f}")
        deadline = asyncio.get_running_loop().time() + seconds
        while self.closing and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - once in a life
            await asyncio.sleep(_POLL_SECONDS)
        stuck = list(self.closing)
        for connection in stuck:
            connection.abort()
        return len(stuck)
