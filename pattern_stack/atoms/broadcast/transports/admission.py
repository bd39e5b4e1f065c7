"""Who may open a socket of one endpoint: its origin, `authenticate`, and what follows from them. Transports ask it."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from fastapi import Depends, WebSocket
from fastapi.routing import APIWebSocketRoute
from starlette.types import Message, Scope

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.transport import Transport
from pattern_stack.atoms.broadcast.instance.failures import Failures
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.atoms.broadcast.transports.declared import (
    call_token_function,
    check_dependency,
    check_token_function,
)
from pattern_stack.atoms.broadcast.transports.plain_dependency import Missing, plain_dependency
from pattern_stack.atoms.broadcast.transports.refusal import (
    Refusal,
    RefusalDelays,
    expired,
    foreign_origin,
    refusal_of,
    unavailable,
)
from pattern_stack.atoms.broadcast.websocket.deflate import EXTENSIONS, accepted
from pattern_stack.atoms.broadcast.websocket.subprotocols import SUBPROTOCOL, check_subprotocols, chosen
from pattern_stack.atoms.origins import Origins
from pattern_stack.errors import BroadcastUnavailable, Unauthenticated

logger = logging.getLogger(__name__)

_IDENTITY = "pattern_stack.identity"
_ORIGINS_LOGGED = 100


class Admission(NamedTuple):
    """What follows a handshake."""

    connect: Callable[[Transport], ClientConnection]
    """Makes the connection that a transport carries."""
    refusal: Refusal | None
    extension: bytes | None
    """The answer to the client's offer of permessage-deflate; None where messages go as they are."""
    subprotocol: str | None

    @property
    def deflating(self) -> bool:
        """Messages are compressed."""
        return self.extension is not None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Of the answer in the fast lane, beside the subprotocol."""
        return [(EXTENSIONS, self.extension)] if self.extension else []

    @property
    def close(self) -> tuple[int, str] | None:
        """The code and reason to close with at once."""
        return self.refusal.close if self.refusal else None


class Door:
    """One for each endpoint. Raises TypeError for an `authenticate` or a `verify_token` that cannot be called, and
    ValueError for a subprotocol that is no token."""

    def __init__(
        self,
        instance: Instance,
        authenticate: Callable[..., Any] | None,
        verify_token: Callable[[str], Any] | None,
        origins: Sequence[str],
        origins_setting: str,
        compress: bool,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self._instance = instance
        self._authenticate = authenticate
        self._verify_token = verify_token
        self._compress = compress
        self._subprotocols = check_subprotocols(subprotocols)
        self._origins = Origins(origins)
        self._origins_setting = origins_setting
        self._routes: WeakKeyDictionary[Any, APIWebSocketRoute] = WeakKeyDictionary()
        self._origins_logged: set[tuple[str, str]] = set()
        self._delays = RefusalDelays(time.monotonic)
        self._failures = Failures(logger, told=instance.failed)
        self._plain = verify_token is not None and check_token_function(verify_token)
        if authenticate is not None:
            if not callable(authenticate):
                raise TypeError(f"authenticate has to be a FastAPI dependency, not {authenticate!r}")
            check_dependency(authenticate, self._new_route(None))
        self._plainly = plain_dependency(authenticate) if authenticate else None

    @property
    def asks(self) -> bool:
        """Whether `identify` has to be called."""
        return self._authenticate is not None

    @property
    def asks_for_token(self) -> bool:
        """Whether a connection may prove itself by a frame `auth`."""
        return self._verify_token is not None

    @property
    def hook_seconds(self) -> float:
        """How long `identify` may take. Whoever calls it sees to that, for it may wait for a thread."""
        return self._instance.limits.hook_seconds

    # -- what a transport asks, in this order

    def check_origin(self, scope: Scope) -> Refusal | None:
        origin = header(scope, b"origin")
        if origin is None or self._is_allowed(origin, scope):
            return None
        host = header(scope, b"host") or ""
        self._log_origin(origin, host)
        self._instance.news.note("origin", origin=origin, host=host, setting=self._origins_setting)
        return foreign_origin(origin)

    async def identify(self, scope: Scope) -> Identity:
        """Resolve `authenticate` as FastAPI does for a route, and release what it held before this returns.

        Raises what it raises. The scope has the application under `app`.
        """

        if self._plainly and not getattr(scope["app"], "dependency_overrides", None):
            try:
                with foreign_code():
                    return await _identity(await self._plainly.resolve(scope, _connect, _send_nothing))
            except Missing:
                pass
        # without the application's exception handlers: what the dependency raises is for this class to answer
        inner = {**scope, "starlette.exception_handlers": ({}, {})}
        with foreign_code():
            await self._route(scope["app"]).app(inner, _connect, _send_nothing)
            return await _identity(inner[_IDENTITY])

    def refusal_of(self, error: Exception) -> Refusal:
        """For what `identify` raised. What `authenticate` does not raise on purpose is logged."""
        refusal = refusal_of(error)
        if refusal is None:
            self._failures.error("authenticate", error, "authenticate failed")
            return unavailable("authentication is unavailable")
        return refusal

    def took_too_long(self) -> Refusal:
        self._failures.warning("slow", "authenticate took longer than %g s", self.hook_seconds)
        return unavailable("authentication is unavailable")

    def admit(self, scope: Scope, identity: Identity | None, refusal: Refusal | None) -> Admission:
        left = identity.seconds_left(time.time()) if identity else None
        if left is not None and left <= 0:
            refusal = expired()
        if refusal is not None:
            told = {"code": refusal.code, "reason": refusal.reason, "user": identity.key if identity else None}
            self._instance.news.info(f"handshake {refusal.code}", "refused a handshake", **told)
        extension = accepted(header(scope, EXTENSIONS) or "") if self._compress else None
        verify = self._verify if self._verify_token else None
        return Admission(
            lambda transport: ClientConnection(self._instance, transport, identity, verify),
            refusal,
            extension,
            chosen(self._subprotocols, header(scope, SUBPROTOCOL) or ""),
        )

    def refusal_delay(self, address: str) -> float:
        """Count one more refusal of a peer. Returns the seconds that it has to wait for it."""
        return self._delays.next(address)

    async def identify_by_token(self, token: str) -> Identity:
        """By `verify_token`. Raises Unauthenticated, or BroadcastUnavailable if it could not be found out now."""
        return await self._verify(token)

    # -- how

    async def _verify(self, token: str) -> Identity:
        """Raises Unauthenticated, or BroadcastUnavailable if it could not be found out now."""
        assert self._verify_token
        try:
            async with asyncio.timeout(self.hook_seconds):
                return await call_token_function(self._verify_token, self._plain, token)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                self._failures.error("verify_token", error, "verify_token failed")
                refusal = unavailable("authentication is unavailable")
            kind = BroadcastUnavailable if refusal.code == 1013 else Unauthenticated
            raise kind(refusal.reason) from error

    def _new_route(self, app: Any) -> APIWebSocketRoute:
        async def capture(websocket: WebSocket, who: Any = Depends(self._authenticate)) -> None:  # noqa: B008
            websocket.scope[_IDENTITY] = who

        return APIWebSocketRoute("/", capture, dependency_overrides_provider=app)

    def _route(self, app: Any) -> APIWebSocketRoute:
        """What resolves the dependency, with the application's overrides. Made once: FastAPI looks at signatures then."""
        if app not in self._routes:
            self._routes[app] = self._new_route(app)
        return self._routes[app]

    def _is_allowed(self, origin: str, scope: Scope) -> bool:
        return self._origins.allow(origin, header(scope, b"host"), secure=scope.get("scheme") in ("wss", "https"))

    def _log_origin(self, origin: str, host: str) -> None:
        """Once an origin and host, for the page's console is easily overlooked."""
        if (origin, host) not in self._origins_logged and len(self._origins_logged) < _ORIGINS_LOGGED:
            self._origins_logged.add((origin, host))
            logger.warning(
                "refused a page of the origin %r: it is not that of the Host %r, nor listed in %s",
                origin[:200],
                host[:200],
                self._origins_setting,
            )


async def _identity(value: Any) -> Identity:
    """A plain function may return a coroutine. Raises what that raises, and TypeError for what is no user."""
    return Identity.of(await value if isawaitable(value) else value)


async def _connect() -> Message:
    return {"type": "websocket.connect"}


async def _send_nothing(message: Message) -> None:
    raise RuntimeError("a dependency that authenticates does not accept or close the socket: it returns or raises")


def header(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None
