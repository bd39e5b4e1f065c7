"""WebSocketBroadcastBackend: a hub, its endpoint and an engine."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import APIRouter

from pattern_stack.atoms.broadcast.base import BroadcastBackend, Handler, Subscription
from pattern_stack.atoms.broadcast.channels import Channel, Channels
from pattern_stack.atoms.broadcast.endpoint import Endpoint
from pattern_stack.atoms.broadcast.event import Draft, Event, Position, check_channel, encode
from pattern_stack.atoms.broadcast.history import History, MemoryEngine
from pattern_stack.atoms.broadcast.limits import Limits
from pattern_stack.atoms.broadcast.loop import Call
from pattern_stack.atoms.broadcast.node import Node

C = TypeVar("C", bound=type[Channel])
T = TypeVar("T")


class WebSocketBroadcastBackend(BroadcastBackend):
    """Events to the WebSocket clients and the handlers of one process.

    `history` holds for channels whose pattern names none. `everyone`: channels that each connection is on without asking.
    """

    def __init__(
        self, *, limits: Limits | None = None, history: History | None = None, everyone: Iterable[str] = ()
    ) -> None:
        self._limits = limits or Limits()
        self._channels = Channels(history or History())
        engine = MemoryEngine(self._channels.window, self._limits)
        names = [check_channel(channel, self._limits) for channel in everyone]
        self._node = Node(engine, self._channels, self._limits, names)

    # -- for the application

    def get_router(
        self,
        path: str = "/ws/broadcast",
        *,
        authenticate: Callable[..., Any] | None = None,
        verify_token: Callable[[str], Any] | None = None,
        origins: Sequence[str] = (),
        compress: bool = False,
    ) -> APIRouter:
        """The WebSocket endpoint, to be included in an application.

        `authenticate` is any FastAPI dependency: what it returns, a user or an Identity, is `connection.user`; raising
        refuses with 4401. It is released before the connection streams. `verify_token(token)`, a function or coroutine
        function, does the same for `{"auth": token}`; without `authenticate` that must be the first frame, within
        `Limits.auth_seconds`. `origins`: those allowed beside the host itself, like `https://app.example`; `*` is any.
        `compress`: in the fast lane, clients that offer permessage-deflate, as browsers do, get each message compressed
        (once for all of them). Less to send for more work: see docs/deployment.md.
        """
        return Endpoint(self._node, authenticate, verify_token, origins, compress).router(path)

    def channel(self, pattern: str, *, history: History | None = None, presence: bool = False) -> Callable[[C], C]:
        """Decorates a Channel: its hooks, window and presence hold for the channels that match, like `room:{room_id}`.

        The first pattern that matches holds. Channels that none matches are open to everybody.
        """

        def declare(channel: C) -> C:
            self._channels.add(pattern, channel(), history, presence)
            return channel

        return declare

    # -- publishing

    async def broadcast(
        self, channel: str, event_type: str, payload: Mapping[str, Any], *, origin: str | None = None
    ) -> Event:
        """See BroadcastBackend. It may be awaited on any loop, in any thread."""
        return (await self._publish([self._draft(channel, event_type, payload, origin)]))[0]

    async def broadcast_many(self, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Event]:
        """Publish (channel, event_type, payload) one after the other, all or none, as one write for each subscriber."""
        return await self._publish([self._draft(*event) for event in events])

    def broadcast_sync(
        self, channel: str, event_type: str, payload: Mapping[str, Any], *, origin: str | None = None
    ) -> Event:
        """`broadcast` for plain threads, a sync endpoint's among them. On the hub's own loop it raises BroadcastError."""
        drafts = [self._draft(channel, event_type, payload, origin)]
        return self._node.home.run_sync(*self._publishing(drafts))[0]

    def _draft(self, channel: str, event_type: str, payload: Mapping[str, Any], origin: str | None = None) -> Draft:
        self._node.check_open()
        return encode(channel, event_type, payload, origin=origin, limits=self._limits)

    async def _publish(self, drafts: list[Draft]) -> list[Event]:
        return await self._node.home.run(*self._publishing(drafts))

    def _publishing(self, drafts: list[Draft]) -> tuple[Call[list[Event]], Call[list[Event]]]:
        return lambda: self._node.publish(drafts), lambda: self._node.publish_from_elsewhere(drafts)

    async def position(self, channel: str) -> Position:
        """The newest place of the channel: every later event follows it. For a snapshot that is read from a store."""
        check_channel(channel, self._limits)

        async def read() -> Position:
            self._node.check_open()
            return self._node.engine.position(channel)

        return await self._node.home.run(read, read)

    async def end(self, channel: str) -> None:
        """After the channel's last event everyone is taken off it; sockets are told by {"unsubscribed": [channel]}."""

        async def end() -> None:
            self._node.check_open()
            self._node.end(channel)

        await self._node.home.run(end, end)

    # -- in-process subscribers

    async def subscribe(self, channel: str, handler: Handler) -> Subscription:
        """See BroadcastBackend. The handler runs on the hub's loop, which is this one."""
        check_channel(channel, self._limits)
        pump = await self._node.tap(channel)
        self._node.spawn(pump.drive(handler)).add_done_callback(lambda _: self._node.untap(pump))

        async def end() -> None:
            pump.stop()

        return Subscription(channel, lambda: self._node.home.run(end, end))

    async def listen(self, channel: str, since: Position | None = None) -> AsyncGenerator[Event]:
        """The channel's events, after `since` or from the first step on, until the channel ends or the backend closes.

        Raises NotFound where the history no longer reaches back to `since`, and TooSlow, after those that still waited,
        where `Limits.handler_events` of them waited.
        """
        check_channel(channel, self._limits)
        pump = await self._node.tap(channel, since)
        try:
            async for event in pump:
                yield event
        finally:
            self._node.untap(pump)

    # -- what is connected

    def get_subscriber_count(self, channel: str) -> int:
        """Sockets on the channel. From another thread: after the frames that were already handed to the server."""
        return self._count(lambda: self._node.hub.subscribers(channel))

    def get_all_channels(self) -> list[str]:
        """Every channel that a socket is on."""
        return self._count(lambda: [channel for channel, _ in self._node.hub.channels()])

    def get_total_connections(self) -> int:
        """Open sockets."""
        return self._count(lambda: len(self._node.connections))

    def _count(self, count: Callable[[], T]) -> T:
        self._node.check_open()
        if self._node.home.is_here():
            return count()

        async def now() -> T:
            return count()

        async def after_what_was_sent() -> T:
            await self._node.settled()
            return count()

        return self._node.home.run_sync(now, after_what_was_sent)

    @property
    def is_ready(self) -> bool:
        """Whether this instance can do its work: neither closed nor on its way out."""
        return not self._node.closed and not self._node.draining

    # -- its end

    async def disconnect(self, user: Any) -> int:
        """Close every connection of this user with 4403. Returns how many there were."""

        async def disconnect() -> int:
            self._node.check_open()
            theirs = [one for one in self._node.connections if one.identity and one.identity.user == user]
            for connection in theirs:
                connection.close(4403, "no longer allowed")
            return len(theirs)

        return await self._node.home.run(disconnect, disconnect)

    async def close(self) -> None:
        """Close connections with 1012, end handlers and listeners. Afterwards everything but this raises BroadcastClosed."""
        self._node.closed = True
        await self._node.home.run(self._node.stop, self._node.stop)
