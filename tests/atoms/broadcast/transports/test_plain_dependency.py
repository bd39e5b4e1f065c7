"""A dependency that is called without FastAPI gets what FastAPI gives it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header, Query, Request, WebSocket, WebSocketException
from fastapi.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports import admission
from pattern_stack.atoms.broadcast.transports.plain_dependency import plain_dependency
from tests.support.client import client
from tests.support.server import serving

given: list[str] = []
"""What the dependencies below were called with."""


async def by_connection(connection: HTTPConnection) -> None:
    given.append(f"{type(connection).__name__} {connection.headers['x-who']} {connection.query_params}")


async def by_socket(websocket: WebSocket, *, token: str) -> None:
    given.append(f"{websocket.url.path} {token}")


def by_default(token: str = "none", other: str | None = None) -> None:
    given.append(f"{token} {other}")


async def nobody() -> None:
    given.append("nobody")


class Users:
    async def named(self, token: str) -> None:
        given.append(token)


PLAIN: list[Callable[..., Any]] = [by_connection, by_socket, by_default, nobody, Users().named]


async def by_number(token: int) -> None: ...
async def by_query(token: Annotated[str, Query(min_length=3)]) -> None: ...
async def by_header(token: str = Header()) -> None: ...
async def by_dependency(user: None = Depends(nobody)) -> None: ...
async def by_request(request: Request) -> None: ...
async def by_anything(token) -> None: ...  # type: ignore[no-untyped-def]
async def by_names(**token: str) -> None: ...
async def by_a_name_that_is_not_there(token: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821


async def that_yields(token: str) -> AsyncIterator[str]:
    yield token


def traced(call: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that is a plain function, whatever it decorates."""

    @wraps(call)
    def traced_call(*args: Any, **more: Any) -> Any:
        return call(*args, **more)

    return traced_call


@traced
async def by_a_decorated_function(token: str) -> None: ...


OTHER: list[Callable[..., Any]] = [
    by_number,
    by_query,
    by_header,
    by_dependency,
    by_request,
    by_anything,
    by_names,
    by_a_name_that_is_not_there,
    that_yields,
    by_a_decorated_function,
    Users,
]


@pytest.mark.parametrize("call", OTHER, ids=lambda call: call.__name__)
def test_what_only_fastapi_can_call_is_left_to_it(call: Callable[..., Any]) -> None:
    assert plain_dependency(call) is None


async def outcomes(query: str) -> list[str]:
    """Of a handshake with each of PLAIN: what it was called with, or how it was refused."""
    app, backend = FastAPI(), WebSocketBroadcastBackend()
    for number, call in enumerate(PLAIN):
        app.include_router(backend.get_router(f"/{number}", authenticate=call))
    given.clear()
    with serving(app) as server:
        for number in range(len(PLAIN)):
            try:
                async with client(f"ws://127.0.0.1:{server.port}/{number}{query}", additional_headers={"X-Who": "ann"}):
                    pass
            except InvalidStatus as refused:
                given.append(f"{refused.response.status_code} {refused.response.body!r}")
    return given.copy()


@pytest.mark.parametrize("query", ["?token=a%20b&token=%C3%A9&other=", "?token=", "?token", "?a=1", ""])
async def test_it_is_called_with_what_fastapi_gives(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(map(plain_dependency, PLAIN))
    plainly = await outcomes(query)
    assert len(plainly) == len(PLAIN)
    monkeypatch.setattr(admission, "plain_dependency", lambda call: None)
    assert plainly == await outcomes(query)


def refuse() -> None:
    raise WebSocketException(4401, "nobody is let in")


@traced
async def decorated(token: str = "") -> None:
    refuse()


@traced
async def decorated_that_yields(token: str = "") -> AsyncIterator[None]:
    yield refuse()


def that_returns_a_coroutine(token: str = "") -> Coroutine[Any, Any, None]:
    async def check() -> None:
        refuse()

    return check()


def with_a_dependency(token: Annotated[str, Depends(lambda: "none")]) -> Any:
    return that_returns_a_coroutine(token)


def that_returns_a_generator(token: str = "") -> Iterator[None]:
    def check() -> Iterator[None]:
        yield refuse()

    return check()


REFUSING = [
    (decorated, 4401),
    (decorated_that_yields, 4401),
    (that_returns_a_coroutine, 4401),
    (with_a_dependency, 4401),
    (that_returns_a_generator, 1013),
]


@pytest.mark.parametrize(("call", "code"), REFUSING, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_check_that_has_not_run_lets_nobody_in(call: Callable[..., Any], code: int) -> None:
    app, backend = FastAPI(), WebSocketBroadcastBackend()
    app.include_router(backend.get_router("/ws", authenticate=call, origins=["https://app.example"]))
    with serving(app) as server:
        async with client(f"ws://127.0.0.1:{server.port}/ws", origin="https://app.example") as page:
            assert (await page.closed())[0] == code
