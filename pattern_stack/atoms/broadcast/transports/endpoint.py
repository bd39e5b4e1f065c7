"""The WebSocket endpoint of an application: one path, its lifespan, and its handshakes as ASGI has them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakSet

from fastapi import APIRouter, WebSocket
from starlette.routing import NoMatchFound
from starlette.types import Message, Receive, Scope, Send

from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.transports.admission import Admission, Door, header
from pattern_stack.atoms.broadcast.transports.asgi import ASGITransport
from pattern_stack.atoms.broadcast.transports.asking import ask
from pattern_stack.atoms.broadcast.transports.handoff import DIRECT, EXTENSION, Direct
from pattern_stack.atoms.broadcast.transports.refusal import Refusal
from pattern_stack.atoms.broadcast.transports.uvicorn_log import follow_uvicorn

_HTTP_ANSWERS = "websocket.http.response"
_numbers = itertools.count(1)


_serving: "WeakSet[Endpoint]" = WeakSet()


def open_paths() -> list[str]:
    """The paths, of the applications that run in this process, on which nobody is asked who connects."""
    return sorted(endpoint.path for endpoint in _serving if not endpoint.asks_who_connects)


class Endpoint:
    """One WebSocket path. With `direct`, servers with a fast lane are told of it when the application starts."""

    def __init__(self, instance: Instance, door: Door, direct: bool, state: Mapping[str, Any]) -> None:
        self._instance = instance
        self._door = door
        # a name of its own, by which the path is found that it has in the application
        self._name = f"broadcast-{next(_numbers)}" if direct else "broadcast"
        self._direct = direct
        self._state = state
        """What the router's lifespan adds to the state of requests."""
        self.path = ""
        self.beside: object = None
        """What lives as long as this endpoint."""

    @property
    def name(self) -> str:
        """That of its route."""
        return self._name

    @property
    def asks_who_connects(self) -> bool:
        """Whether a connection has to prove itself, by its handshake or by a first frame."""
        return self._door.asks or self._door.asks_for_token

    def router(self, path: str) -> APIRouter:
        self.path = path
        router = APIRouter(lifespan=self._lifespan)
        router.add_api_websocket_route(path, self._serve, name=self._name)
        return router

    # -- the application's life

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[Mapping[str, Any]]:
        follow_uvicorn()
        async with self._instance.serving():
            _serving.add(self)
            try:
                yield {**self._state, **self._offers(app)} if self._direct else self._state
            finally:
                _serving.discard(self)

    def _offers(self, app: Any) -> dict[str, Any]:
        """By the paths under which clients may ask for it. Raises ValueError for a path with parameters."""
        try:
            path = str(app.url_path_for(self._name))
        except NoMatchFound:
            raise ValueError("get_router(direct=True) needs a path without parameters") from None
        scope = {"app": app, "path_params": {}}
        root = (getattr(app, "root_path", None) or "").rstrip("/")
        if root:
            scope["root_path"] = root

        async def alone(around: Scope, receive: Receive, send: Send) -> None:
            await self.serve({**around, **scope}, receive, send)

        return dict.fromkeys((DIRECT + path, DIRECT + root + path), Direct(self._door, scope, alone))

    # -- a handshake

    async def _serve(self, websocket: WebSocket) -> None:
        await release_dependencies(websocket.scope)
        await self.serve(websocket.scope, websocket._receive, websocket._send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application, which ends with the socket, or as soon as the server's own transport carries it."""
        await receive()  # websocket.connect
        coming = _Coming(receive)
        try:
            admission = await self._admit(scope, coming)
            if admission is None or (admission.refusal and not await self._may_refuse(scope, coming)):
                return
        finally:
            await coming.stop_watching()
        if admission.refusal and header(scope, b"origin") is None:
            await _refuse(admission.refusal, scope, send, coming.server)
        else:
            await self._open(admission, scope, coming, send)

    async def _open(self, admission: Admission, scope: Scope, coming: "_Coming", send: Send) -> None:
        accept = {"type": "websocket.accept", "subprotocol": admission.subprotocol}
        fast = (scope.get("extensions") or {}).get(EXTENSION)
        if fast is not None:
            fast.take()
            await send({**accept, "headers": admission.headers})
            fast.carry(admission)
        else:
            await send(accept)
            transport = ASGITransport(coming.rest(), send, coming.server)
            await transport.run(admission.connect(transport), admission.close)

    async def _admit(self, scope: Scope, coming: "_Coming") -> Admission | None:
        """None if the client has gone meanwhile."""
        identity, refusal = None, self._door.check_origin(scope)
        if refusal is None and self._door.asks:
            answer = await ask(self._door, scope, coming.watch())
            if answer is None:
                return None
            if isinstance(answer, Refusal):
                refusal = answer
            else:
                identity = answer
        return self._door.admit(scope, identity, refusal)

    async def _may_refuse(self, scope: Scope, coming: "_Coming") -> bool:
        """After the delay that the peer has brought upon itself. False if it has gone meanwhile."""
        delay = self._door.refusal_delay((scope.get("client") or ("",))[0])
        if delay:
            await asyncio.wait((coming.watch(),), timeout=delay)
        return not coming.gone


class _Coming:
    """What the client sends, watched for its leave before the handshake is answered."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._early: Message | None = None
        self._watching: asyncio.Task[None] | None = None
        self.gone = False

    @property
    def server(self) -> object:
        """The server's protocol, where `receive` is a method of it."""
        return getattr(self._receive, "__self__", None)

    def watch(self) -> "asyncio.Task[None]":
        """Done when the client has gone."""
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        return self._watching

    async def _watch(self) -> None:
        message = await self._receive()
        if (
            message["type"] != "websocket.disconnect"
        ):  # it speaks before it may: that waits, and so does whatever follows
            self._early = message
            await asyncio.Event().wait()
        self.gone = True

    async def stop_watching(self) -> None:
        if self._watching and not self._watching.done():
            self._watching.cancel()
            await asyncio.wait((self._watching,))

    def rest(self) -> Receive:
        """An ASGI `receive` that leaves nothing out."""
        return self._first_early if self._early else self._receive

    async def _first_early(self) -> Message:
        early, self._early = self._early, None
        return early or await self._receive()


async def _refuse(refusal: Refusal, scope: Scope, send: Send, server: object) -> None:
    """By an HTTP answer where the server can send one, else by a close before the accept, which is 403."""
    if _HTTP_ANSWERS not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": refusal.code, "reason": refusal.reason})
        return
    headers = refusal.response_headers
    await send({"type": f"{_HTTP_ANSWERS}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{_HTTP_ANSWERS}.body", "body": refusal.body})
    if hasattr(server, "handshake_complete"):  # uvicorn would log an error for each of these answers
        server.handshake_complete = True


async def release_dependencies(scope: Scope) -> None:
    """What `include_router(dependencies=...)` resolved is not held for the socket's life either."""
    for name in ("fastapi_function_astack", "fastapi_inner_astack"):
        stack = scope.get(name)
        if isinstance(stack, AsyncExitStack):
            await stack.aclose()


def endpoints_of(routes: Any) -> Iterator[Endpoint]:
    """Those behind these routes of an application, and behind the routers that they include or mount."""
    for route in routes:
        owner = getattr(getattr(route, "endpoint", None), "__self__", None)
        if isinstance(owner, Endpoint):
            yield owner
        inner = getattr(route, "original_router", None) or route
        yield from endpoints_of(getattr(inner, "routes", None) or ())
