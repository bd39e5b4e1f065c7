"""What every store at the other end of a link does: it works on one event loop, and waits while its link is down."""

import asyncio
import logging
import math
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol, TypeVar

from pattern_stack.atoms.broadcast.bridge.store import Store
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import BroadcastClosed, BroadcastError, BroadcastUnavailable

T = TypeVar("T")

_log = LogEvery(logging.getLogger(__name__))

_UNNOTICED = 6.0
"""Seconds within which a link that is silent is found to be broken."""


class Link(Protocol):
    """What it uses of the link."""

    @property
    def place(self) -> str:
        """The server's address, without a password."""

    async def start(self) -> None:
        """Raises the store's `REJECTED` where the server will not have us."""

    async def stop(self) -> None: ...

    def forget(self) -> None:
        """Its loop was closed."""

    async def wait_until_up(self, patience: float) -> None:
        """Raises TimeoutError once it has been down for so many seconds."""


class LinkedStore(Store):
    """The exceptions that its link raises are named by the class."""

    SERVER: ClassVar[str]
    """The server's name in errors."""
    DOWN: ClassVar[type[Exception]]
    """Raised by a call while the link is down."""
    REJECTED: ClassVar[type[Exception]]
    """Raised by the start."""
    FAILED: ClassVar[tuple[type[Exception], ...]] = ()
    """Raised by a call that the server will not do."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    @abstractmethod
    def link(self) -> Link: ...

    async def start(self) -> None:
        await self._begin()

    async def _begin(self) -> None:
        if self.closed:
            raise BroadcastClosed("the bridge was closed")
        running = asyncio.get_running_loop()
        if self._loop is not None and self._loop.is_closed():
            self.forget_loop()
        if self._loop not in (None, running):
            raise BroadcastError("this bridge is in use on another event loop")
        self._loop = running
        try:
            await self.link.start()
        except self.REJECTED as error:
            self._loop = None
            raise BroadcastError(self._rejection(error)) from error

    def _rejection(self, error: Exception) -> str:
        return f"{self.SERVER} at {self.link.place} cannot be used: {error}"

    async def stop(self) -> None:
        if self._loop is asyncio.get_running_loop():
            await self._end()
            self._loop = None

    async def _end(self) -> None:
        await self.link.stop()

    def forget_loop(self) -> None:
        self.link.forget()
        self._loop = None

    async def _patiently(self, attempt: Callable[[], Awaitable[T]], patience: float | None = None) -> T:
        """Again while the link is down. Raises BroadcastUnavailable once it has been down for `patience` seconds, or 6 s
        later where nobody has noticed yet that it is; and where the server will not do it."""
        patience = self.patience if patience is None else patience
        try:
            async with asyncio.timeout(None if patience == math.inf else patience + _UNNOTICED):
                await self._begin()
                while True:
                    try:
                        return await attempt()
                    except self.DOWN:
                        await self.link.wait_until_up(patience)
        except TimeoutError:
            raise BroadcastUnavailable(self.unavailable_reason or f"{self.SERVER} does not answer") from None
        except self.FAILED as error:
            _log.warning("%s at %s refused a call: %s", self.SERVER, self.link.place, error)
            raise BroadcastUnavailable(f"{self.SERVER} cannot do it: {self._in_short(error)}") from error

    def _in_short(self, error: Exception) -> str:
        return str(error)
