"""Nobody gets in where they don't belong: `authenticate`, and what a handshake holds on to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import pytest
from fastapi import Cookie, Depends, FastAPI, Header, HTTPException, WebSocket, WebSocketException
from websockets.exceptions import InvalidStatus

from pattern_stack import Channel, Unauthenticated, WebSocketBroadcastBackend
from tests.support.client import client, page_of
from tests.support.server import Server, router_of, serving

pytestmark = pytest.mark.lanes("slow", "fast", "direct")


async def closing(url: str, **options: Any) -> tuple[int, str]:
    """A page's handshake is accepted, nothing is sent, and then it closes."""
    async with client(url, origin=page_of(url), **options) as one:
        how = await one.closed()
        assert not one.inbox
        return how


def by_query(token: str) -> str:
    return token


def by_header(x_user: Annotated[str, Header()]) -> str:
    return x_user


async def by_cookie(session: Annotated[str, Cookie()]) -> str:
    return session


async def nested(name: Annotated[str, Depends(by_query)], x_user: Annotated[str, Header()] = "nobody") -> list[str]:
    return [name, x_user]


async def by_websocket(websocket: WebSocket) -> dict[str, str]:
    return {"name": websocket.query_params["token"]}


@contextmanager
def asking(authenticate: Any, overrides: Any = None, root_path: str = "", **include: Any) -> Iterator[Server]:
    """An application that tells each client on `me` who it is."""
    backend, app = WebSocketBroadcastBackend(), FastAPI()

    @backend.channel("me")
    class Me(Channel):
        async def snapshot(self, connection: Any) -> dict[str, Any]:
            return {"user": connection.user}

    skipping = {"direct": False} if include.get("dependencies") else {}  # for `direct` skips them
    app.include_router(router_of(backend, authenticate=authenticate, **skipping), **include)
    app.dependency_overrides = overrides or {}
    app.root_path = root_path
    with serving(app) as server:
        yield server


async def user(url: str, **options: Any) -> Any:
    async with client(url, **options) as one:
        await one.subscribe("me")
        return (await one.event())["payload"]["user"]


@pytest.mark.parametrize(
    ("authenticate", "query", "headers", "expected"),
    [
        (None, "", {}, None),
        (by_query, "?token=ann", {}, "ann"),
        (by_header, "", {"X-User": "ann"}, "ann"),
        (by_cookie, "", {"Cookie": "session=ann"}, "ann"),
        (nested, "?token=ann", {"X-User": "bob"}, ["ann", "bob"]),
        (by_websocket, "?token=ann", {}, {"name": "ann"}),
    ],
)
async def test_what_the_dependency_returns_is_the_user(
    authenticate: Any, query: str, headers: dict[str, str], expected: object
) -> None:
    with asking(authenticate) as server:
        assert await user(server.url + query, additional_headers=headers) == expected


@pytest.mark.parametrize("authenticate", [by_query, by_header, by_cookie, nested])
async def test_a_missing_parameter_is_4401(authenticate: Any) -> None:
    with asking(authenticate) as server:
        code, reason = await closing(server.url)
        assert code == 4401
        assert reason


async def test_a_missing_parameter_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Any scanner can do this, as often as it likes."""
    with asking(by_query) as server:
        await closing(server.url)
    assert not caplog.records


@pytest.mark.parametrize("overridden", [nested, by_query])
async def test_the_applications_dependency_overrides_hold(overridden: Any) -> None:
    with asking(nested, {overridden: lambda: "carl"}) as server:
        assert "carl" in await user(server.url)


async def test_it_is_told_of_the_handshake_what_every_route_is() -> None:
    def tell(websocket: WebSocket) -> list[Any]:
        scope = websocket.scope
        return [scope["path"], scope["raw_path"].decode(), scope["root_path"], scope["subprotocols"]]

    with asking(tell, root_path="/api") as server:
        told = await user(server.url, subprotocols=["a", "b"])
    assert told == ["/ws/broadcast", "/ws/broadcast", "/api", ["a", "b"]]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HTTPException(401, "no such session"), "no such session"),
        (HTTPException(403, {"why": "x" * 200}), "{'why': 'xxx"),
        (WebSocketException(1008, "not you"), "not you"),
        (Unauthenticated("who are you?"), "who are you?"),
        (Unauthenticated(), "not authenticated"),
        (Unauthenticated("é" * 100), "éé"),
    ],
)
async def test_raising_refuses_with_4401_and_why(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse() -> None:
        raise error

    with asking(refuse) as server:
        code, why = await closing(server.url)
    assert code == 4401
    assert why.startswith(reason)
    assert not caplog.records


async def test_a_cancellation_that_it_brings_along_refuses_too(caplog: pytest.LogCaptureFixture) -> None:
    async def await_what_was_cancelled() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with asking(await_what_was_cancelled) as server:
        assert (await closing(server.url))[0] == 1013
    assert "what it awaited was cancelled" in caplog.text


# -- what a handshake holds on to


class Pool:
    """Counts who holds it; as a dependency, sync or async, it yields a name."""

    def __init__(self) -> None:
        self.held = self.taken = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        self.held += 1
        self.taken += 1
        yield
        self.held -= 1

    def sync(self) -> Iterator[str]:
        with self.hold():
            yield "ann"

    async def nonblocking(self) -> AsyncIterator[str]:
        with self.hold():
            yield "ann"


@pytest.mark.parametrize("kind", ["sync", "nonblocking"])
@pytest.mark.parametrize("where", ["authenticate", "below it", "include_router"])
async def test_what_a_dependency_holds_is_released_before_streaming(kind: str, where: str) -> None:
    pool = Pool()
    resource = getattr(pool, kind)

    def through(name: Annotated[str, Depends(resource)]) -> str:
        return name

    authenticate = {"authenticate": resource, "below it": through}.get(where)
    dependencies = [Depends(resource)] if where == "include_router" else []
    with asking(authenticate, dependencies=dependencies) as server:
        before = pool.taken
        async with client(server.url) as one:
            await one.subscribe("me")
            assert (pool.taken - before, pool.held) == (1, 0)


@pytest.mark.parametrize("error", [WebSocketException(1008, "no"), HTTPException(403, "no")])
async def test_a_dependency_of_the_router_can_refuse_the_handshake(error: Exception) -> None:
    def refuse() -> None:
        raise error

    with asking(None, dependencies=[Depends(refuse)]) as server, pytest.raises(InvalidStatus):
        await closing(server.url)


async def test_the_router_can_be_included_under_a_prefix() -> None:
    with asking(by_query, prefix="/api") as server:
        url = f"ws://127.0.0.1:{server.port}/api/ws/broadcast"
        assert await user(f"{url}?token=ann") == "ann"
        assert (await closing(url))[0] == 4401
        with pytest.raises(InvalidStatus):
            await closing(server.url)
