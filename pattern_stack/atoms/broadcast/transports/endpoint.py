"""The WebSocket edge: handshake, origin, authenticate. FastAPI stops here."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from inspect import isawaitable, iscoroutinefunction
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from fastapi import APIRouter, Depends, WebSocket
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.routing import APIWebSocketRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException, WebSocketException
from starlette.types import Receive, Scope, Send

from pattern_stack.atoms.broadcast.connection.commands import Verify
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.atoms.broadcast.transports.asgi import ASGITransport
from pattern_stack.atoms.broadcast.transports.bare import is_bare, unchanged
from pattern_stack.atoms.broadcast.transports.handoff import EXTENSION, Admission, Admit
from pattern_stack.atoms.broadcast.websocket.deflate import ACCEPTED, EXTENSIONS, is_offered
from pattern_stack.atoms.origins import Origins
from pattern_stack.errors import PatternStackError, Unauthenticated

logger = logging.getLogger(__name__)

_IDENTITY = "pattern_stack.identity"
_ROUTED = ("app", "router", "endpoint", "route", "root_path")
_ORIGINS_LOGGED = 100
_EXPECTED = (PatternStackError, HTTPException, WebSocketException, WebSocketRequestValidationError)


_serving: "WeakSet[Endpoint]" = WeakSet()


def open_paths() -> list[str]:
    """The paths, of the applications that run in this process, on which nobody is asked who connects."""
    return sorted(endpoint.path for endpoint in _serving if not endpoint.asks_who_connects)


class Endpoint:
    """One WebSocket path of an application."""

    path = ""

    def __init__(
        self,
        instance: Instance,
        authenticate: Callable[..., Any] | None,
        verify_token: Callable[[str], Any] | None,
        origins: Sequence[str],
        compress: bool,
        state: Mapping[str, Any],
    ) -> None:
        self._instance = instance
        self._compress = compress
        self._state = state
        """What the router's lifespan adds to the state of requests."""
        self._authenticate = authenticate
        self._verify = _verifier(verify_token) if verify_token else None
        self._origins = Origins(origins)
        self._routes: WeakKeyDictionary[Any, APIWebSocketRoute] = WeakKeyDictionary()
        self._refused: set[str] = set()

    @property
    def asks_who_connects(self) -> bool:
        """Whether a connection has to prove itself, by its handshake or by a first frame."""
        return self._authenticate is not None or self._verify is not None

    def router(self, path: str) -> APIRouter:
        self.path = path
        router = APIRouter(lifespan=self._lifespan)
        router.add_api_websocket_route(path, self._serve, name="broadcast")
        return router

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[Mapping[str, Any]]:
        self._instance.loop_owner.acquire()
        self._instance.connections.draining = False
        try:
            if self._instance.link:
                await self._instance.link.start()
            _serving.add(self)
            yield self._state
        finally:
            _serving.discard(self)
            await self._instance.stop()
            self._instance.loop_owner.release()

    async def _serve(self, websocket: WebSocket) -> None:
        await _release_dependencies(websocket.scope)
        receive, send = websocket._receive, websocket._send
        scope = websocket.scope
        fast = scope.get("extensions", {}).get(EXTENSION)
        admission = await self._admit(scope, receive, send)
        await receive()  # websocket.connect
        if fast is not None:
            headers = [(EXTENSIONS, ACCEPTED)] if admission.deflating else []
            await send({"type": "websocket.accept", "headers": headers})
            fast.carry(admission, self._again(scope))
        else:
            await send({"type": "websocket.accept"})
            transport = ASGITransport(receive, send)
            await transport.run(admission.opening(transport), admission.refusal)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> Admission:
        identity, refusal = None, None
        origin = _header(scope, b"origin")
        if origin is not None and not self._is_allowed(origin, scope):
            refusal = (1008, self._foreign(origin))
        elif self._authenticate is not None:
            try:
                identity = await self._identify(scope, receive, send)
            except Exception as error:
                refusal = (4401, _reason(error))
        deflating = self._compress and is_offered(_header(scope, EXTENSIONS) or "")
        return Admission(
            lambda transport: ClientConnection(self._instance, transport, identity, self._verify), refusal, deflating
        )

    def _again(self, scope: Scope) -> Admit | None:
        if not is_bare(scope):
            return None
        routed = {key: scope[key] for key in _ROUTED if key in scope}
        return Admit({**routed, "path_params": {}}, self._admit, self._authenticate is None, unchanged(scope["app"]))

    def _route(self, app: Any) -> APIWebSocketRoute:
        """What resolves the dependency, with the application's overrides. Made once: FastAPI looks at signatures then."""
        if app not in self._routes:

            async def capture(websocket: WebSocket, who: Any = Depends(self._authenticate)) -> None:  # noqa: B008
                websocket.scope[_IDENTITY] = who

            self._routes[app] = APIWebSocketRoute("/", capture, dependency_overrides_provider=app)
        return self._routes[app]

    def _is_allowed(self, origin: str | None, scope: Scope) -> bool:
        return self._origins.allow(origin, _header(scope, b"host"), secure=scope["scheme"] == "wss")

    def _foreign(self, origin: str) -> str:
        """The reason to close with. It is logged once an origin, for the page's console is easily overlooked."""
        if origin not in self._refused and len(self._refused) < _ORIGINS_LOGGED:
            self._refused.add(origin)
            logger.warning(
                "refused the origin %r: get_router(origins=[...]) lets pages of other origins in", origin[:200]
            )
        return _fit(f"the origin {origin} is not allowed")

    async def _identify(self, scope: Scope, receive: Receive, send: Send) -> Identity:
        """Resolve the dependency as FastAPI does for a route, and release what it held before this returns."""

        # without the application's exception handlers: what the dependency raises is for this class to answer
        inner = {**scope, "starlette.exception_handlers": ({}, {})}
        with foreign_code():
            await self._route(scope["app"]).app(inner, receive, send)
        return Identity.of(inner[_IDENTITY])


async def _release_dependencies(scope: Scope) -> None:
    """What `include_router(dependencies=...)` resolved is not held for the socket's life either."""
    for name in ("fastapi_function_astack", "fastapi_inner_astack"):
        stack = scope.get(name)
        if isinstance(stack, AsyncExitStack):
            await stack.aclose()


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def _reason(error: Exception) -> str:
    """Why a handshake was refused, in the 123 bytes that a close frame has for it."""
    if not isinstance(error, _EXPECTED):
        logger.error("authentication failed", exc_info=error)
        return "authentication failed"
    if isinstance(error, WebSocketRequestValidationError):
        return "what authenticates is missing, or has a wrong form"
    text = getattr(error, "detail", None) or getattr(error, "reason", None) or str(error) or "not authenticated"
    return _fit(str(text))


def _fit(text: str) -> str:
    return text.encode(errors="replace")[:120].decode(errors="ignore")


def _verifier(verify_token: Callable[[str], Any]) -> Verify:
    """It raises Unauthenticated and nothing else. What blocks does so in a thread."""

    async def verify(token: str) -> Identity:
        try:
            with foreign_code():
                if iscoroutinefunction(verify_token):
                    return Identity.of(await verify_token(token))
                value = await run_in_threadpool(verify_token, token)
                return Identity.of(await value if isawaitable(value) else value)
        except Exception as error:
            raise Unauthenticated(_reason(error)) from error

    return verify
