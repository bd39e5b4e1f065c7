"""WebSocketBroadcastBackend: a hub, its endpoint and an engine."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from fastapi import APIRouter

from pattern_stack.atoms.bounds import check_prefix, check_type
from pattern_stack.atoms.broadcast.asyncapi.routes import add_routes
from pattern_stack.atoms.broadcast.backends.bridge import Bridge as Bridge
from pattern_stack.atoms.broadcast.backends.bridge import ScriptedBridge as ScriptedBridge
from pattern_stack.atoms.broadcast.backends.bridge import TableBridge as TableBridge
from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.workers import Workers, warn_of_other_workers
from pattern_stack.atoms.broadcast.bridge.routed import RoutedEngine
from pattern_stack.atoms.broadcast.bridge.store import check_patience
from pattern_stack.atoms.broadcast.core.channels import Authorize, Channel, Channels
from pattern_stack.atoms.broadcast.core.connection import check_close_code
from pattern_stack.atoms.broadcast.core.engine import Engine, LinkedEngine
from pattern_stack.atoms.broadcast.core.event import check_channel
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine
from pattern_stack.atoms.broadcast.instance.inspection import Inspection
from pattern_stack.atoms.broadcast.transports.admission import Door
from pattern_stack.atoms.broadcast.transports.endpoint import Endpoint
from pattern_stack.atoms.broadcast.transports.sse.endpoint import StreamEndpoint

C = TypeVar("C", bound=type[Channel])
T = TypeVar("T")


class WebSocketBroadcastBackend(InstanceBackend):
    """Events to the WebSocket clients and the handlers of one process; with a `bridge`, to those of every instance on it.

    Without `bridge=` the worker processes of one server are linked with each other, and any other process is alone: that is
    decided at the first use, by the server's own marks (see docs/workers.md). `bridge=None` is alone in any case.
    `history` holds for channels whose pattern names none. `everyone`: channels that each connection is on without asking;
    a template like `user:{user}` is each user's own channel, and nobody else gets on it. `authorize(connection, channel)`
    raises to refuse a client any channel, declared or not; a declared channel's own hook is called after it. `undeclared`:
    "refuse" lets no client on a channel that neither a pattern nor `everyone` names. Whoever made the bridge closes it.
    `patience`: while the link of the bridge is down, calls wait until it has been down for so many seconds, counted from the
    break, and raise BroadcastUnavailable at once from then on; None leaves what the bridge was made with, 3 s by default.
    `channel_prefix` keeps this backend apart from others, where workers are linked without a `bridge=`.

    Raises ValueError for another `undeclared`, or a patience that cannot be; InvalidChannel for a name in `everyone` that no
    channel can have; TypeError for `bridge`, `limits`, `history` or `everyone` of another type.
    """

    def __init__(
        self,
        *,
        bridge: Bridge | Literal["auto"] | None = "auto",
        limits: Limits | None = None,
        history: History | None = None,
        everyone: Iterable[str] = (),
        authorize: Authorize | None = None,
        undeclared: Literal["open", "refuse"] = "open",
        patience: float | None = None,
        channel_prefix: str = "pattern_stack",
    ) -> None:
        if bridge is not None and bridge != "auto" and not hasattr(bridge, "engine"):
            kind = type(bridge).__name__  # a URL may hold a password
            raise TypeError(
                f"bridge is RedisBroadcastBackend(url) or alike, not {kind}: for a URL call broadcast_from_url"
            )
        check_type(limits, Limits, "limits is Limits(...)")
        check_type(history, History, "history is History(...)")
        limits = limits or Limits()
        channels = Channels(history or History(), authorize, undeclared)
        self._workers = Workers(limits, check_prefix(channel_prefix)) if bridge == "auto" else None
        self._bridge = None if bridge == "auto" else bridge
        self._inspection: Inspection | None = None
        self._patience = None if patience is None else check_patience(patience)
        super().__init__(self._choose, channels, limits, everyone)

    def _choose(self) -> tuple[Engine, LinkedEngine | None]:
        alone = MemoryEngine(self._channels.window, self._limits)
        if self._workers:
            self._bridge = self._workers.bridge()
        elif self._bridge is None:
            warn_of_other_workers()
        if self._bridge is None:
            return alone, None
        shared = self._bridge.engine
        shared.window = self._channels.window
        if self._patience is not None:
            shared.patience = self._patience
        return RoutedEngine(alone, shared, self._channels.is_local), shared

    @property
    def bridge(self) -> Bridge | None:
        """What links it to other instances. Asking decides it, where that was left to "auto"."""
        _ = self._instance.link
        return self._bridge

    # -- for the application

    def get_router(
        self,
        path: str = "/ws/broadcast",
        *,
        sse: str | None = "/sse/broadcast",
        asyncapi: str | None = "/asyncapi",
        authenticate: Callable[..., Any] | None = None,
        verify_token: Callable[[str], Any] | None = None,
        origins: Sequence[str] = (),
        origins_setting: str = "get_router(origins=[...])",
        compress: bool = False,
        direct: bool = False,
        subprotocols: Sequence[str] = (),
    ) -> APIRouter:
        """The WebSocket endpoint, and the same over HTTP, to be included in an application.

        `authenticate` is any FastAPI dependency that a handshake can resolve: what it returns, a user or an Identity, is
        `connection.user`. Unauthenticated, or an HTTPException of 401 or 403, refuses with 4401; whatever else it raises,
        and more than `Limits.hook_seconds`, with 1013: clients come back. It is released before the connection streams.
        `verify_token(token)`, a plain function (run in a thread) or a coroutine function, does the same for
        `{"auth": token}`; without `authenticate` that must be the first frame, within `Limits.auth_seconds`.
        `origins`: those allowed beside the host itself, like `https://app.example`; `*` is any. `origins_setting`: what the
        log calls this list, where a page is refused for its origin.
        `compress`: in the fast lane, clients that offer permessage-deflate, as browsers do, get each message compressed
        (once for all of them). Less to send for more work: see docs/deployment.md.
        `direct`: in the fast lane, handshakes of this path skip the application: its middleware, the dependencies of its
        routers, its other routes. `authenticate`, with the application's dependency overrides, and `origins` hold as ever.
        The path, with the prefixes of the routers around it, has no parameters: the start raises ValueError otherwise.
        `subprotocols`: the first of these that the client offers is selected, as in `new WebSocket(url, ["bearer", token])`
        with `subprotocols=["bearer"]`; a browser that offers some closes where none is selected. They change no frame.

        `sse`: the path of the HTTP lane, for clients that cannot open a WebSocket: see docs/sse.md. None: there is none. What
        `authenticate` and `origins` say holds there too, and `verify_token` is asked for `Authorization: Bearer TOKEN`.
        `asyncapi`: the path of a page that shows the declared channels, events and commands; with `.json`, the same as an
        AsyncAPI 3.0 document. Neither holds data, and nobody is asked who reads them. None: there is none. See docs/types.md.

        Raises TypeError for an `authenticate` that asks for what no handshake has (a Request, a body), and for a
        `verify_token` that cannot be called with a token; ValueError for a subprotocol that a header cannot carry, and
        for an origin that no page can have.
        """
        door = Door(self._instance, authenticate, verify_token, origins, origins_setting, compress, subprotocols)
        endpoint = Endpoint(self._instance, door, direct, {"broadcast": self})
        router = endpoint.router(path)
        if sse is not None:
            endpoint.beside = streams = StreamEndpoint(self._instance, door)
            streams.add_to(router, sse)
        if asyncapi is not None:
            lanes = {"websocket": path} if sse is None else {"websocket": path, "sse": sse}
            add_routes(router, asyncapi, self._channels, lanes)
        return router

    def channel(
        self,
        pattern: str,
        *,
        history: History | None = None,
        presence: bool | Callable[[Any], Any] = False,
        local: bool = False,
        events: Mapping[str, Any] | None = None,
    ) -> Callable[[C], C]:
        """Decorates a Channel: its hooks, window and presence hold for the channels that match, like `room:{room_id}`.

        `{name}` matches one segment: at least one character, and no `:`. `{name:path}` at the end matches the rest. The first
        pattern that matches holds. Channels that none matches are open to everybody, or to nobody: see `undeclared`.
        `local`: they never cross the bridge; each instance has its own. `presence`: the channel tells its members who else is
        on it. They see the user's key (see Identity) and nothing else; a function of the user returns more, as JSON. A user
        without a key is refused where the channel shows nothing else.
        `events={"created": OrderCreated}`: the events of these channels, each with the type of its payload, which is a pydantic
        model or whatever pydantic reads as a JSON object. Every publish of this backend is validated, and what the type
        serialises is sent. Another event, or a payload that does not validate, raises InvalidEvent. See docs/types.md.

        Raises TypeError for a hook that cannot be called with the pattern's parameters, for events that cannot be declared,
        and where it decorates no class derived from Channel; ValueError for a pattern that no channel's name can match.
        """

        def declare(channel: C) -> C:
            if not (isinstance(channel, type) and issubclass(channel, Channel)):
                raise TypeError(f"channel({pattern!r}) decorates a class derived from Channel, not {channel!r:.80}")
            self._channels.add(pattern, channel(), history, presence, local, events)
            return channel

        return declare

    # -- what can be seen

    def inspection(self) -> Inspection:
        """What an operator may see of this instance: kept from the first call on. pattern_stack.features.inspector shows it."""
        self._inspection = self._inspection or Inspection(self._instance)
        return self._inspection

    # -- what is connected

    def get_subscriber_count(self, channel: str) -> int:
        """Sockets on the channel. From another thread: after the frames that were already handed to the server."""
        return self._count(lambda: self._instance.hub.subscriber_count(channel))

    def get_all_channels(self) -> list[str]:
        """Every channel that a socket is on."""
        return self._count(lambda: [channel for channel, _ in self._instance.hub.channels()])

    def get_total_connections(self) -> int:
        """Open sockets."""
        return self._count(lambda: len(self._instance.connections.open))

    def _count(self, count: Callable[[], T]) -> T:
        self._instance.check_open()
        if self._instance.loop_owner.is_current():
            return count()

        async def call() -> T:
            return count()

        return self._instance.loop_owner.run_sync(call)

    # -- revocation

    async def disconnect(self, user: Any, *, code: int = 4403, reason: str = "no longer allowed") -> None:
        """Close every connection of this user, and drop what waits for them. Users are compared by key: see Identity.

        On this instance first, then on every instance of the bridge: it returns when all of them have done it, or after 2 s.
        An instance that is cut off does it when it is back, within an hour; where the record is lost it asks authorize again
        for all that its connections hold. Connections that are opened after the call are not meant.
        Raises ValueError for a user without a key where there is a bridge, BroadcastClosed, and BroadcastUnavailable where
        it could not be passed on.
        """
        check_close_code(code)
        meant, at = self._meant(user), time.time()
        command = {"do": "disconnect", "key": meant.key, "at": at, "code": code, "reason": reason}
        await self._everywhere(lambda: self._instance.revocation.disconnect(meant, at, code, reason), command)

    async def unsubscribe(self, user: Any, channel: str) -> None:
        """Take every connection of this user off the channel. They get an error `forbidden` that names it, and then
        {"unsubscribed": [channel]}. Where it acts, and what it raises: see `disconnect`; also InvalidChannel.
        """
        check_channel(channel, self._limits)
        meant, at = self._meant(user), time.time()
        command = {"do": "unsubscribe", "key": meant.key, "at": at, "channel": channel}
        await self._everywhere(lambda: self._instance.revocation.unsubscribe(meant, at, channel), command)

    def _meant(self, user: Any) -> Identity:
        meant = Identity.of(user)
        if self._instance.control and meant.key is None:
            raise ValueError("this user has no key that other instances know: pass the key, or Identity(user, key=...)")
        return meant
