"""What `listen` returns: an async iterator that outlives a cancelled step."""

from types import TracebackType
from typing import Self

from pattern_stack.atoms.broadcast.core.event import Event, Since
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.listener import Listener


class EventStream:
    """Events of one channel, from the first step on. It may be closed with `aclose`, or used as an async context manager.

    A step that is cancelled, by a timeout for one, takes no event: the next step goes on where it was.
    """

    def __init__(self, instance: Instance, channel: str, since: Since | None) -> None:
        self._instance = instance
        self._channel = channel
        self._since = since
        self._listener: Listener | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Raises NotFound, TooSlow, BroadcastUnavailable or BroadcastClosed: see `listen`."""
        if self._closed:
            raise StopAsyncIteration
        if self._listener is None:
            self._listener = await self._instance.listening.listen(self._channel, self._since)
        try:
            event = await self._listener.__anext__()
            assert isinstance(event, Event)  # it takes no ephemeral ones
            return event
        except Exception:  # it has ended; a cancelled step has not
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End it; harmless when it has ended."""
        self._closed = True
        listener, self._listener = self._listener, None
        if listener:
            self._instance.listening.end(listener)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        """A loop that was left with `break` ends its subscription when nothing refers to it any more."""
        listener, self._listener = self._listener, None
        if listener:
            self._instance.listening.end_soon(listener)
