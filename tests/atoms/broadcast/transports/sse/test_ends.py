"""How a stream ends, and who gets none: the rules of sockets."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection

from pattern_stack import BroadcastUnavailable, Forbidden, Identity, Limits, Unauthenticated, WebSocketBroadcastBackend
from tests.support.server import serving, serving_backend, until
from tests.support.stream import refused, stream, stream_url


async def last(one: Any) -> dict[str, Any]:
    """The close that ends a stream."""
    message: dict[str, Any] = await one.receive()
    with pytest.raises(EOFError):
        await one.receive()
    return message


async def test_disconnect_ends_a_stream() -> None:
    async def authenticate(x_user: str = Header()) -> str:
        return x_user

    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=authenticate) as server:
        async with stream(server.http, "a", headers={"X-User": "ann"}) as one:
            await one.receive()
            await backend.disconnect("ann", reason="gone")
            assert await last(one) == {"close": {"code": 4403, "reason": "gone"}}
        await until(server, lambda: backend.get_total_connections() == 0)


async def test_an_identity_that_expires_ends_it() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=lambda: Identity("ann", time.time() + 3)) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            assert await last(one) == {"close": {"code": 4401, "reason": "expired"}}


async def test_a_drain_says_when_to_come_back() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            await server.acall(backend.close)
            close = (await last(one))["close"]
            assert close["code"] == 1012
            assert one.retry == round(float(close["reason"].removeprefix("retry-after=")) * 1_000)
        assert await refused(server.http, ["a"]) == (503, "unavailable")


async def test_a_client_that_does_not_read_is_too_slow_and_told() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=65_536))
    with serving_backend(backend) as server:
        async with stream(server.http, "a") as one, stream(server.http, "a") as healthy:
            await one.receive()
            await healthy.receive()
            while await server.acall(lambda: backend.get_subscriber_count("a")) == 2:
                await backend.broadcast("a", "x", {"text": "x" * 100_000})
                assert (await healthy.receive())["event"] == "x"
            message = await one.receive()
            while "close" not in message:
                message = await one.receive()
            assert message == {"close": {"code": 4408, "reason": "too slow"}}


REFUSALS = [
    (HTTPException(401), (401, "unauthenticated")),
    (HTTPException(403), (403, "forbidden")),
    (HTTPException(429, headers={"Retry-After": "7"}), (429, "rate_limited")),
    (HTTPException(503), (503, "unavailable")),
    (Unauthenticated("who"), (401, "unauthenticated")),
    (Forbidden("no"), (403, "forbidden")),
    (BroadcastUnavailable("later"), (503, "unavailable")),
    (RuntimeError("the database is away"), (503, "unavailable")),
]


@pytest.mark.parametrize(("error", "expected"), REFUSALS)
async def test_authenticate_refuses(error: Exception, expected: tuple[int, str]) -> None:
    def authenticate() -> None:
        raise error

    with serving_backend(WebSocketBroadcastBackend(), authenticate=authenticate) as server:
        assert await refused(server.http, ["a"]) == expected


async def test_a_bearer_token_is_verified() -> None:
    async def verify(token: str) -> Identity:
        if token != "ann":
            raise Unauthenticated("not ann")
        return Identity("ann")

    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, verify_token=verify) as server:
        assert await refused(server.http, ["a"]) == (401, "unauthenticated")
        assert await refused(server.http, ["a"], headers={"Authorization": "Bearer bob"}) == (401, "unauthenticated")
        async with stream(server.http, "a", headers={"Authorization": "Bearer ann"}) as one:
            await one.receive()
            await backend.disconnect("ann")
            assert (await last(one))["close"]["code"] == 4403


async def test_a_foreign_page_is_refused_and_a_listed_one_may_read() -> None:
    with serving_backend(WebSocketBroadcastBackend(), origins=["https://app.example"]) as server:
        foreign = {"Origin": "https://evil.example"}
        assert await refused(server.http, ["a"], headers=foreign) == (403, "forbidden")
        async with stream(server.http, "a", headers={"Origin": "https://app.example"}) as one:
            assert one.response.headers["access-control-allow-origin"] == "https://app.example"
            assert one.response.headers["access-control-allow-credentials"] == "true"
        async with httpx2.AsyncClient(trust_env=False) as http:
            url = stream_url(server.http)
            assert (await http.post(url, json={"ping": 1}, headers=foreign)).status_code == 403
            assert (await http.options(url, headers=foreign)).status_code == 403
            allowed = await http.options(url, headers={"Origin": "https://app.example"})
            assert allowed.status_code == 204
            assert "last-event-id" in allowed.headers["access-control-allow-headers"]


@pytest.mark.parametrize(("site", "is_refused"), [("cross-site", True), ("same-site", True), ("same-origin", False)])
async def test_what_another_site_loads_without_an_origin_is_refused(site: str, is_refused: bool) -> None:
    headers = {"Sec-Fetch-Site": site}
    with serving_backend(WebSocketBroadcastBackend()) as server:
        if is_refused:
            assert await refused(server.http, ["a"], headers=headers) == (403, "forbidden")
        else:
            async with stream(server.http, "a", headers=headers) as one:
                await one.receive()


async def test_what_authenticates_is_released_before_the_stream() -> None:
    held: list[str] = []

    async def session() -> AsyncIterator[str]:
        held.append("session")
        yield "session"
        held.remove("session")

    async def around() -> AsyncIterator[None]:
        held.append("around")
        yield
        held.remove("around")

    async def authenticate(connection: HTTPConnection, key: str = Query("ann"), _: str = Depends(session)) -> str:
        return key

    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.include_router(backend.get_router(authenticate=authenticate), dependencies=[Depends(around)])
    with serving(app) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            assert held == []


async def test_middleware_holds_nothing_back() -> None:
    seen: list[str] = []

    async def look(request: Any, call_next: Any) -> Any:
        seen.append(request.url.path)
        return await call_next(request)

    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.add_middleware(BaseHTTPMiddleware, dispatch=look)
    app.add_middleware(GZipMiddleware, minimum_size=0)
    app.include_router(backend.get_router())
    with serving(app) as server:
        async with stream(server.http, "a", headers={"Accept-Encoding": "gzip"}) as one:
            await one.receive()
            await backend.broadcast("a", "x", {})
            assert (await one.receive())["event"] == "x"
        await until(server, lambda: backend.get_total_connections() == 0)
        async with stream(server.http, "a") as one:
            await server.acall(backend.close)
            await one.receive()
            assert "close" in await last(one)
    assert seen
