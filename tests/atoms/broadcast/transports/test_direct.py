"""`get_router(direct=True)`: which handshakes skip the application, and what holds for them all the same."""

import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp, Receive, Scope, Send

from pattern_stack import Channel, WebSocketBroadcastBackend
from tests.support.client import Client, client, page_of
from tests.support.raw import Raw
from tests.support.server import Server, serving


class Seeing:
    """Middleware of the application's own. It notes the handshakes that it sees."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            self.seen.append(scope["path"])
        await self.app(scope, receive, send)


@pytest.fixture
def seen() -> list[str]:
    return []


def application(seen: list[str], *, prefix: str = "", **options: Any) -> FastAPI:
    backend, app = WebSocketBroadcastBackend(), FastAPI()

    @backend.channel("me")
    class Me(Channel):
        async def snapshot(self, connection: Any) -> dict[str, Any]:
            return {"user": connection.user}

    app.include_router(backend.get_router(**{"direct": True, **options}), prefix=prefix)
    app.add_middleware(Seeing, seen=seen)
    return app


async def greet(opened: AbstractAsyncContextManager[Client]) -> None:
    async with opened as one:
        assert "pong" in await one.ask({"ping": 1})


async def user(opened: AbstractAsyncContextManager[Client]) -> Any:
    async with opened as one:
        await one.subscribe("me")
        return (await one.event())["payload"]["user"]


def at(server: Server, path: str) -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


ORDINARY = {
    "plain": ("/ws/broadcast", {}),
    "with a query": ("/ws/broadcast?token=%2F", {}),
    "spelled with %": ("/ws/br%6Fadcast", {}),
    "behind a proxy": ("/ws/broadcast", {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https"}),
    "with many headers": ("/ws/broadcast", {f"X-{number}": "1" for number in range(80)}),
}


@pytest.mark.parametrize(("path", "headers"), ORDINARY.values(), ids=ORDINARY)
async def test_the_application_sees_no_handshake_of_the_path(
    seen: list[str], path: str, headers: dict[str, str]
) -> None:
    with serving(application(seen)) as server:
        for _ in range(3):
            await greet(client(at(server, path), additional_headers=headers))
    assert seen == []


async def test_without_it_the_application_sees_all_of_them(seen: list[str]) -> None:
    with serving(application(seen, direct=False)) as server:
        for _ in range(3):
            await greet(client(server.url))
    assert len(seen) == 3


async def test_without_a_lifespan_the_application_sees_all_of_them(seen: list[str]) -> None:
    with serving(application(seen), lifespan="off") as server:
        for _ in range(3):
            await greet(client(server.url))
    assert len(seen) == 3


async def test_other_sockets_go_through_the_application(seen: list[str]) -> None:
    app = application(seen)

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    with serving(app) as server:
        async with client(at(server, "/echo")) as one:
            await one.send('"hello"')
            assert await one.receive() == "hello"  # type: ignore[comparison-overlap]
    assert seen == ["/echo"]


async def test_a_prefix_is_part_of_the_path(seen: list[str]) -> None:
    with serving(application(seen, prefix="/api")) as server:
        await greet(client(at(server, "/api/ws/broadcast")))
    assert seen == []


@pytest.mark.parametrize("path", ["/ws/broadcast", "/api/ws/broadcast"])
async def test_the_applications_root_path_may_be_sent_or_not(seen: list[str], path: str) -> None:
    def root_path(websocket: WebSocket) -> str:
        root: str = websocket.scope["root_path"]
        return root

    app = application(seen, authenticate=root_path)
    app.root_path = "/api"
    with serving(app) as server:
        assert await user(client(at(server, path))) == "/api"
    assert seen == []


async def test_the_servers_root_path_is_not_sent(seen: list[str]) -> None:
    with serving(application(seen), root_path="/api") as server:
        await greet(client(server.url))
    assert seen == []


def named_ann() -> str:
    return "ann"


async def test_each_router_has_its_own_path_and_dependency(seen: list[str]) -> None:
    app = application(seen, authenticate=named_ann)
    other = application(seen, authenticate=lambda: "bob")
    app.include_router(other.router, prefix="/other")
    with serving(app) as server:
        assert await user(client(server.url)) == "ann"
        assert await user(client(at(server, "/other/ws/broadcast"))) == "bob"
    assert seen == []


async def test_a_path_with_a_parameter_is_refused_at_the_start() -> None:
    app = FastAPI()
    app.include_router(WebSocketBroadcastBackend().get_router("/{where}/broadcast", direct=True))
    with pytest.raises(ValueError, match=r"direct=True\) needs a path without parameters"):
        async with app.router.lifespan_context(app):
            pass


# -- what holds


async def test_overrides_and_the_applications_state_hold(seen: list[str]) -> None:
    def by_state(websocket: WebSocket) -> str:
        name: str = websocket.app.state.name
        return f"{name} {websocket.scope['path']} {websocket.state.started}"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"started": "yes"}

    app = FastAPI(lifespan=lifespan)
    app.include_router(application(seen, authenticate=named_ann).router)
    app.dependency_overrides = {named_ann: by_state}
    app.state.name = "carl"
    with serving(app) as server:
        assert await user(client(server.url)) == "carl /ws/broadcast yes"


async def test_a_proxy_that_is_trusted_names_the_client(seen: list[str]) -> None:
    def address(websocket: WebSocket) -> str:
        assert websocket.client
        return f"{websocket.scope['scheme']} {websocket.client.host}"

    headers = {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https"}
    for trusted, told in (("127.0.0.1", "wss 10.0.0.1"), ("10.0.0.9", "ws 127.0.0.1")):
        with serving(application(seen, authenticate=address), forwarded_allow_ips=trusted) as server:
            assert await user(client(server.url, additional_headers=headers)) == told
    assert seen == []


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "10.0.0.1"}])
async def test_origins_hold(seen: list[str], headers: dict[str, str]) -> None:
    with serving(application(seen)) as server:
        async with client(server.url, origin="http://evil.example", additional_headers=headers) as one:
            assert (await one.closed())[0] == 1008
        await greet(client(server.url, origin=page_of(server.url), additional_headers=headers))


def serve_once() -> "weakref.ref[FastAPI]":
    app = application([], authenticate=named_ann)
    with serving(app, proxy_headers=False) as server:
        Raw(server.port).reset()
    return weakref.ref(app)


def test_an_application_is_not_kept_after_its_server() -> None:
    kept = serve_once()
    for _ in range(2):
        gc.collect()
    assert kept() is None
