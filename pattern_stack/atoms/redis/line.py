"""One connection to a server, and whether anything moves on it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import AbstractConnection, DefaultParser

Dial = Callable[[Mapping[str, Any]], AbstractConnection]
"""Makes a connection, with these arguments beside those of the URL."""

_SLICE_BYTES = 65_536
_STEPS = 4


class Line:
    """A connection that is not retried: its first error is its end."""

    def __init__(self, dial: Dial, **where: Any) -> None:
        self._watches: set[_Watch] = set()
        self._connection = dial({**where, "parser_class": _parser_that_tells(self._moved)})

    @property
    def host(self) -> str:
        return getattr(self._connection, "host", "")

    async def connect(self) -> None:
        await self._connection.connect()  # type: ignore[no-untyped-call]

    async def ask(self, *command: Any) -> Any:
        """The answer to one command, on a connection that has no other under way."""
        await self.command(*command)
        return await self.answer()

    async def command(self, *command: Any) -> None:
        await self._connection.send_command(*command, check_health=False)

    async def send(self, packed: bytes) -> None:
        """What is long leaves in slices: each that the network takes is a movement."""
        for start in range(0, len(packed), _SLICE_BYTES):
            await self._connection.send_packed_command([packed[start : start + _SLICE_BYTES]], check_health=False)
            self._moved()

    async def answer(self) -> Any:
        """The next answer or message, however long it takes. Raises what the server refuses with, and a broken connection."""
        return await self._connection.read_response(timeout=math.inf, disconnect_on_error=False)

    @asynccontextmanager
    async def moving(self, seconds: float) -> AsyncIterator[None]:
        """TimeoutError where nothing moves for so long: an answer that is on its way is waited for, however slow it is."""
        async with asyncio.timeout(None) as timeout:
            watch = _Watch(seconds, timeout)
            self._watches.add(watch)
            try:
                yield
            finally:
                self._watches.remove(watch)
                watch.end()

    def _moved(self) -> None:
        for watch in self._watches:
            watch.quiet_steps = 0

    async def abort(self) -> None:
        """What was not sent yet must not be sent later, and TLS must not wait for the other end's goodbye."""
        writer = getattr(self._connection, "_writer", None)
        if writer:
            writer.transport.abort()
        await self._connection.disconnect(nowait=True)


class _Watch:
    """Ends a timeout after some quiet steps of time. A loop that was held up for longer than all of them together has not
    looked at its sockets: for it that is one step."""

    def __init__(self, seconds: float, timeout: asyncio.Timeout) -> None:
        self.quiet_steps = 0
        self._step = seconds / _STEPS
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._step, self._tick)

    def _tick(self) -> None:
        self.quiet_steps += 1
        if self.quiet_steps >= _STEPS:
            self._timeout.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(self._step, self._tick)

    def end(self) -> None:
        self._timer.cancel()


def _parser_that_tells(moved: Callable[[], None]) -> type:
    """redis-py's own parser. It calls `moved` after each read of its socket."""

    async def read_from_socket(self: Any) -> bool:
        await DefaultParser.read_from_socket(self)  # type: ignore[union-attr]
        moved()
        return True

    return type("Parser", (DefaultParser,), {"read_from_socket": read_from_socket})
