"""How many of the application's commands may run and wait on one instance."""

import asyncio
from itertools import count

from anyio import CapacityLimiter

from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.process import ProcessToken

_CONNECTIONS = 64
"""All connections together may have so many times what one of them may have waiting."""


class CommandRoom:
    """Plain functions have slots of their own: a thread that hangs takes none from coroutines, nor from hooks."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._token = ProcessToken(8)
        self._numbers = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.waiting_bytes = 0
        """Of the commands that wait, of all connections."""

    def slots(self, plain: bool) -> asyncio.Semaphore:
        """One for each command that may run at the same time. On the running loop."""
        self._begin()
        return self._threads if plain else self._coroutines

    @property
    def thread_limiter(self) -> CapacityLimiter:
        """It never waits: who has a slot has a thread."""
        self._begin()
        return self._limiter

    def new_owner(self) -> str:
        """Unique to one attempt of one command."""
        return f"{self._token}:{next(self._numbers)}"

    def has_room(self, size: int) -> bool:
        return self.waiting_bytes + size <= _CONNECTIONS * self._limits.command_bytes

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._coroutines = asyncio.Semaphore(self._limits.commands)
            self._threads = asyncio.Semaphore(self._limits.command_threads)
            self._limiter = CapacityLimiter(self._limits.command_threads)
