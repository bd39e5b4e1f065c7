"""What every backend offers. This page is the whole interface."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Literal, Self, overload

from pattern_stack.atoms.broadcast.core.event import Event, Payload

Handler = Callable[[str, dict[str, Any]], Awaitable[None] | None]
"""`(event_type, payload)`: called for one event after the other, in the channel's order. A coroutine function, or a plain
function that runs in a thread."""


class Subscription:
    """One handler on one channel. Ending it ends nothing else; ending it twice is harmless."""

    def __init__(self, channel: str, end: Callable[[], Awaitable[None]]) -> None:
        self.channel = channel
        self._end = end

    async def unsubscribe(self) -> None:
        """No event reaches the handler any more; a call that is under way runs to its end."""
        await self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.unsubscribe()


class BroadcastBackend(ABC):
    """Events to whoever is on a channel: one order for all of them, nothing lost silently."""

    @overload
    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: Literal[False] = False,
    ) -> Event: ...

    @overload
    async def broadcast(
        self, channel: str, event_type: str, payload: Payload, *, origin: str | None = None, ephemeral: Literal[True]
    ) -> None: ...

    @overload
    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool,
    ) -> Event | None: ...

    @abstractmethod
    async def broadcast(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> Event | None:
        """Publish one event. Once it returns, the event has its place in the channel's order.

        `payload` is a mapping, or a pydantic model (`model_dump(mode="json")` is what is sent).
        `origin` travels with the event, so that whoever caused it can recognise it.
        `key`, 1 to 64 printable characters: a second publish on this channel with the same key within 300 s publishes nothing
        and returns an event equal to the first, whose payload raises LookupError where it is no longer kept. A call that was
        refused uses no key up, and after BroadcastUnavailable the same key makes a repeat safe. A new epoch forgets keys.
        `ephemeral`: the event gets no place and is not kept. Only who is there and keeps up gets it: it is left out for a
        client whose outbox waits or whose replay is under way, for `listen`, and for a handler that has half of its limits
        waiting. It returns None.
        Raises InvalidChannel, InvalidEvent, BroadcastUnavailable or BroadcastClosed; nothing was published then
        (after BroadcastUnavailable it may be: once, or not at all).
        """

    def broadcast_soon(
        self,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
        key: str | None = None,
        ephemeral: bool = False,
    ) -> None:
        """Publish one event without waiting, from any thread or loop, also where the store cannot be reached.

        Events that are published so by one thread keep their order. While the link to the store is down they wait in this
        process: 1,000 events and 4 MiB at most. What is more is dropped, and when the link is back the clients of that
        channel are told `reset`, on every instance. An `ephemeral` one does not wait: it is
        dropped. What waits when the process ends is lost: `trouble` tells how many do.

        Raises InvalidChannel, InvalidEvent or BroadcastClosed; never BroadcastUnavailable.
        """
        raise NotImplementedError

    @abstractmethod
    async def subscribe(self, channel: str, handler: Handler) -> Subscription:
        """Call the handler for every later event of the channel, one at a time and in order.

        What a handler raises is logged, and the next event goes on. A handler that falls
        `Limits.handler_events` behind is ended, with a logged error.
        Raises InvalidChannel, BroadcastUnavailable or BroadcastClosed.
        """

    @abstractmethod
    async def close(self) -> None:
        """End every subscription and connection. Everything but close raises BroadcastClosed afterwards."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
