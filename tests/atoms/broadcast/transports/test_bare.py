"""Which handshakes go past an application, and that they never do where it has a say in them."""

import gc
import weakref
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Host, Match, Mount, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import InvalidStatus

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports import fastlane
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from tests.support.client import Client, client
from tests.support.raw import Raw
from tests.support.server import Server, serving


class Seeing:
    """Middleware of the application's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class SeeingHttp(BaseHTTPMiddleware): ...


class SeeingAll(BaseHTTPMiddleware):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


class Subclass(FastAPI):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def included(app: FastAPI, **options: Any) -> FastAPI:
    app.include_router(WebSocketBroadcastBackend().get_router(), **options)
    return app


def wearing(middleware: Any, **options: Any) -> FastAPI:
    app = included(FastAPI())
    app.add_middleware(middleware, **options)
    return app


def instrumented() -> FastAPI:
    app = included(FastAPI())
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: Seeing(build())  # type: ignore[method-assign]
    return app


def behind_a_host() -> FastAPI:
    app = FastAPI()
    app.router.routes.append(Host("other.example", included(FastAPI())))
    return included(app)


def behind_an_included_host() -> FastAPI:
    app, router = FastAPI(), APIRouter()
    router.routes.append(Host("other.example", included(FastAPI())))
    app.include_router(router)
    return included(app)


class ForTenants(WebSocketRoute):
    """Chosen by a header too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        tenant = any(name == b"x-tenant" for name, _ in scope["headers"])
        return super().matches(scope) if tenant else (Match.NONE, {})


async def close(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(4000)


def behind_a_choosy_route() -> FastAPI:
    app = FastAPI()
    app.router.routes.append(ForTenants("/ws/broadcast", close))
    return included(app)


def in_a_mount_with_middleware() -> FastAPI:
    app, router = FastAPI(), WebSocketBroadcastBackend().get_router("/broadcast")
    app.router.routes.append(Mount("/ws", routes=router.routes, middleware=[Middleware(Seeing)]))
    return app


def with_a_stack_of_its_own() -> FastAPI:
    app = included(FastAPI())
    app.middleware_stack = Seeing(app.build_middleware_stack())
    return app


def with_a_wrapped_router() -> FastAPI:
    app = included(FastAPI())
    app.router.middleware_stack = Seeing(app.router.middleware_stack)
    return app


def with_a_wrapped_route() -> FastAPI:
    app, router = FastAPI(), WebSocketBroadcastBackend().get_router()
    (route,) = router.routes
    assert isinstance(route, WebSocketRoute)
    route.app = Seeing(route.app)
    app.router.routes.append(route)
    return app


def with_a_parameter() -> FastAPI:
    app = FastAPI()
    app.include_router(WebSocketBroadcastBackend().get_router("/{where}/broadcast"))
    return app


def nothing() -> None: ...


BARE: dict[str, Callable[[], Any]] = {
    "a plain application": lambda: included(FastAPI()),
    "CORS": lambda: wearing(CORSMiddleware, allow_origins=["*"]),
    "gzip": lambda: wearing(GZipMiddleware),
    "middleware for HTTP": lambda: wearing(SeeingHttp, dispatch=lambda request, call: call(request)),
}
NOT_BARE: dict[str, Callable[[], Any]] = {
    "a dependency of the router": lambda: included(FastAPI(), dependencies=[Depends(nothing)]),
    "a dependency of the application": lambda: included(FastAPI(dependencies=[Depends(nothing)])),
    "middleware": lambda: wearing(Seeing),
    "middleware for HTTP that sees all": lambda: wearing(SeeingAll, dispatch=lambda request, call: call(request)),
    "trusted hosts": lambda: wearing(TrustedHostMiddleware, allowed_hosts=["*"]),
    "a subclass": lambda: included(Subclass()),
    "instrumentation": instrumented,
    "hosts": behind_a_host,
    "hosts of an included router": behind_an_included_host,
    "a route that looks at headers": behind_a_choosy_route,
    "a mount with middleware": in_a_mount_with_middleware,
    "a middleware stack of its own": with_a_stack_of_its_own,
    "a wrapped router": with_a_wrapped_router,
    "a wrapped route": with_a_wrapped_route,
    "a wrapper": lambda: Seeing(included(FastAPI())),
    "a path with a parameter": with_a_parameter,
}


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each handshake that came through the application."""
    seen: list[None] = []
    go_through = FastLane._go_through

    def count(lane: FastLane) -> None:
        seen.append(None)
        go_through(lane)

    monkeypatch.setattr(FastLane, "_go_through", count)
    return seen


async def greet(opened: AbstractAsyncContextManager[Client]) -> None:
    async with opened as one:
        assert "pong" in await one.ask({"ping": 1})


@pytest.mark.parametrize("make", BARE.values(), ids=BARE)
async def test_past_an_application_that_has_no_say(make: Callable[[], Any], through: list[None]) -> None:
    with serving(make()) as server:
        for _ in range(3):
            await greet(client(server.url))
    assert len(through) == 1


@pytest.mark.parametrize("make", NOT_BARE.values(), ids=NOT_BARE)
async def test_through_an_application_that_has_one(make: Callable[[], Any], through: list[None]) -> None:
    with serving(make()) as server:
        for _ in range(3):
            await greet(client(server.url))
    assert len(through) == 3


async def test_through_a_patched_class(through: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """As those who trace do it: the method is replaced, by one that has taken over its name."""
    call = Starlette.__call__

    @wraps(call)
    async def patched(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        await call(self, scope, receive, send)

    monkeypatch.setattr(Starlette, "__call__", patched)
    with serving(included(FastAPI())) as server:
        for _ in range(3):
            await greet(client(server.url))
    assert len(through) == 3


def wrap_the_stack(app: FastAPI) -> None:
    assert app.middleware_stack
    app.middleware_stack = Seeing(app.middleware_stack)


def wrap_the_router(app: FastAPI) -> None:
    app.router.middleware_stack = Seeing(app.router.middleware_stack)


def put_a_route_before(app: FastAPI) -> None:
    app.router.routes.insert(0, WebSocketRoute("/ws/broadcast", close))


def take_the_route_out(app: FastAPI) -> None:
    app.router.routes = app.router.routes[:-1]


def put_a_host_into_an_included_router(app: FastAPI) -> None:
    app.state.router.routes.append(Host("other.example", included(FastAPI())))


LATER = [wrap_the_stack, wrap_the_router, put_a_route_before, take_the_route_out, put_a_host_into_an_included_router]


@pytest.mark.parametrize("change", LATER)
async def test_what_is_put_in_later_has_its_say(change: Callable[[FastAPI], None], through: list[None]) -> None:
    app = FastAPI()
    app.state.router = APIRouter()
    app.state.router.add_api_route("/", nothing)
    app.include_router(app.state.router, prefix="/x")
    included(app)
    with serving(app) as server:
        for _ in range(2):
            await greet(client(server.url))
        assert len(through) == 1
        await server.acall(lambda: change(app))
        for _ in range(2):
            with suppress(InvalidStatus):
                async with client(server.url):
                    pass
    assert len(through) == 3


async def test_what_a_proxy_says_goes_through(through: list[None]) -> None:
    with serving(included(FastAPI())) as server:
        for _ in range(3):
            await greet(client(server.url, additional_headers={"X-Forwarded-For": "10.0.0.1"}))
    assert len(through) == 3


async def test_a_query_belongs_to_no_path(through: list[None]) -> None:
    with serving(included(FastAPI())) as server:
        for number in range(3):
            await greet(client(f"{server.url}?token={number}"))
    assert len(through) == 1


async def test_an_application_behind_another_is_gone_through(through: list[None]) -> None:
    outer, backend = FastAPI(), WebSocketBroadcastBackend()
    inner = FastAPI()
    inner.include_router(backend.get_router())
    outer.mount("/inner", inner)
    with serving(outer) as server:
        for _ in range(3):
            await greet(client(f"ws://127.0.0.1:{server.port}/inner/ws/broadcast"))
    assert len(through) == 3


def broadcast_paths(server: Server) -> set[bytes]:
    return set(fastlane._known.get(server.config, {}))


async def test_spellings_of_a_path_are_not_collected() -> None:
    with serving(included(FastAPI())) as server:
        await greet(client(server.url))
        for letter in "broadcast":
            await greet(client(f"ws://127.0.0.1:{server.port}/ws/" + "broadcast".replace(letter, f"%{ord(letter):x}")))
        assert broadcast_paths(server) == {b"/ws/broadcast"}


async def test_a_root_path_of_the_server_is_no_part_of_what_is_sent(through: list[None]) -> None:
    with serving(included(FastAPI()), root_path="/api") as server:
        for _ in range(3):
            await greet(client(server.url))
        assert len(through) == 1
        assert broadcast_paths(server) == {b"/ws/broadcast"}


@dataclass
class Unhashable:
    """A wrapper that can be no key of a dictionary."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def test_any_application_will_do() -> None:
    with serving(Unhashable(included(FastAPI())), proxy_headers=False) as server:
        await greet(client(server.url))


def serve_once() -> "weakref.ref[FastAPI]":
    app = included(FastAPI())
    with serving(app, proxy_headers=False) as server:
        Raw(server.port).reset()
    return weakref.ref(app)


def test_an_application_is_not_kept_after_its_server() -> None:
    kept = serve_once()
    for _ in range(2):  # its server first: what is known goes with that
        gc.collect()
    assert kept() is None
