"""Handshakes that are refused: browsers get a close code, everybody else an HTTP answer, and all are slowed."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Depends, HTTPException, Request, WebSocketException
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from pattern_stack import Forbidden, Identity, Limits, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports import admission, refusal
from pattern_stack.atoms.broadcast.transports.refusal import RefusalDelays
from tests.support.client import client, page_of
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until

pytestmark = pytest.mark.lanes("slow", "fast", "direct")


def raising(error: Exception) -> Callable[[], None]:
    def refuse() -> None:
        raise error

    return refuse


async def closing(server: Server) -> tuple[int, str]:
    async with client(server.url, origin=page_of(server.url)) as one:
        how = await one.closed()
        assert not one.inbox
        return how


async def answer(server: Server) -> tuple[int, dict[str, str], str]:
    """Status, headers and code of what a client without an Origin gets."""
    with pytest.raises(InvalidStatus) as refused:
        async with client(server.url):
            pass
    response = refused.value.response
    code: str = json.loads(response.body or b"")["error"]["code"]
    return response.status_code, {name.lower(): value for name, value in response.headers.raw_items()}, code


RETRY = {"Retry-After": "7", "X-Secret": "1"}
REFUSED: dict[str, tuple[Exception, int, int, str | None]] = {
    "nobody": (Unauthenticated("who?"), 4401, 401, None),
    "HTTP 401": (HTTPException(401, "no", {"WWW-Authenticate": "Bearer"}), 4401, 401, None),
    "HTTP 403": (HTTPException(403, "no"), 4401, 403, None),
    "forbidden": (Forbidden("no"), 4403, 403, None),
    "a WebSocket's": (WebSocketException(1008, "no"), 4401, 401, None),
    "HTTP 429": (HTTPException(429, "no", RETRY), 1013, 429, "7"),
    "HTTP 503": (HTTPException(503, "no"), 1013, 503, "5"),
}
FAILED = {
    "an error": (ConnectionRefusedError("password=secret"), 1013, 503, "5"),
    "HTTP 500": (HTTPException(500, "password=secret"), 1013, 503, "5"),
    "HTTP 404": (HTTPException(404, "password=secret"), 1013, 503, "5"),
    "a timeout": (TimeoutError("password=secret"), 1013, 503, "5"),
}


@pytest.mark.parametrize(("error", "code", "status", "after"), REFUSED.values(), ids=REFUSED)
async def test_a_page_gets_the_code_and_others_the_status(
    error: Exception, code: int, status: int, after: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with serving_backend(WebSocketBroadcastBackend(), authenticate=raising(error)) as server:
        assert (await closing(server))[0] == code
        got, headers, _ = await answer(server)
    assert got == status
    assert headers.get("retry-after") == after
    assert headers.get("www-authenticate") == (getattr(error, "headers", None) or {}).get("WWW-Authenticate")
    assert "x-secret" not in headers
    assert not caplog.records


@pytest.mark.parametrize(("error", "code", "status", "after"), FAILED.values(), ids=FAILED)
async def test_what_it_does_not_raise_on_purpose_means_come_back(
    error: Exception, code: int, status: int, after: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with serving_backend(WebSocketBroadcastBackend(), authenticate=raising(error)) as server:
        for _ in range(3):
            told, reason = await closing(server)
            assert (told, "secret" in reason) == (code, False)
        got, headers, _ = await answer(server)
    assert (got, headers.get("retry-after")) == (status, after)
    (record,) = caplog.records  # one a minute, however often it happens
    assert record.exc_info
    assert record.exc_info[1] is error


async def test_an_identity_that_ran_out_is_401() -> None:
    with serving_backend(WebSocketBroadcastBackend(), authenticate=lambda: Identity("ann", 1)) as server:
        assert (await answer(server))[0] == 401


# -- hooks that hang


@pytest.mark.parametrize("in_a_thread", [True, False])
async def test_one_that_hangs_means_come_back(in_a_thread: bool, caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    def block() -> None:
        gate.wait(30)

    async def hang() -> None:
        await asyncio.Event().wait()

    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=0.1))
    with serving_backend(backend, authenticate=block if in_a_thread else hang) as server:
        assert (await closing(server))[0] == 1013
        assert (await answer(server))[:1] == (503,)
        gate.set()
        await until(server, lambda: not server.server_state.connections)
        await until(server, lambda: not server.server_state.tasks)
    assert [record.getMessage() for record in caplog.records] == ["authenticate took longer than 0.1 s"]


@pytest.mark.parametrize("leave", ["reset", "close", "half"])
async def test_a_client_that_goes_ends_its_hook(leave: str) -> None:
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    async def hang() -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.release()

    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=3_600))
    with serving_backend(backend, authenticate=hang) as server:
        peers = [await asyncio.to_thread(Raw, server.port, answered=False) for _ in range(20)]
        for _ in peers:
            assert await asyncio.to_thread(begun.acquire, timeout=20)
        for peer in peers:
            peer.leave(leave)
        for _ in peers:
            assert await asyncio.to_thread(ended.acquire, timeout=20)
        await until(server, lambda: not server.server_state.connections)
        await until(server, lambda: not server.server_state.tasks)
        for peer in peers:
            peer.socket.close()
    assert backend.get_total_connections() == 0


# -- again and again


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_21st_refusal_of_an_address_within_a_minute_waits() -> None:
    clock = Clock()
    delays = RefusalDelays(clock)
    assert [delays.next("a") for _ in range(28)] == [0] * 20 + [0.25, 0.5, 1, 2, 4, 5, 5, 5]
    assert delays.next("b") == 0
    clock.now += 60
    assert delays.next("a") == 5
    clock.now += 61
    assert delays.next("a") == 0


def test_addresses_are_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal, "_MOST_ADDRESSES", 3)
    delays = RefusalDelays(Clock())
    for number in range(100):
        delays.next(str(number))
    assert list(delays._refused) == ["97", "98", "99"]


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each refusal waits for an hour. The addresses of those that wait."""
    waiting: list[str] = []

    def hour(self: RefusalDelays, address: str) -> float:
        waiting.append(address)
        return 3_600

    monkeypatch.setattr(admission.RefusalDelays, "next", hour)
    return waiting


@pytest.mark.parametrize("origin", [None, "http://foreign.example"])
async def test_a_refusal_that_waits_keeps_up_nobody_and_ends_with_its_client(
    slowed: list[str], origin: str | None
) -> None:
    def authenticate(connection: HTTPConnection) -> str:
        if "token" not in connection.query_params:
            raise Unauthenticated
        return "ann"

    with serving_backend(WebSocketBroadcastBackend(), authenticate=authenticate) as server:
        headers = f"Origin: {origin}\r\n" if origin else ""
        peers = [await asyncio.to_thread(Raw, server.port, headers=headers, answered=False) for _ in range(5)]
        await until(server, lambda: len(slowed) == 5)
        assert set(slowed) == {"127.0.0.1"}
        async with client(server.url + "?token=1") as one:
            await one.nothing_more()
        for peer in peers:
            peer.leave("reset")
        await until(server, lambda: not server.server_state.connections)
        await until(server, lambda: not server.server_state.tasks)


# -- what is declared


def by_request(request: Request) -> str:
    return str(request.query_params["token"])


def below(user: str = Depends(by_request)) -> str:
    return user


class Login(BaseModel):
    name: str


def by_body(login: Login) -> str:
    return login.name


@pytest.mark.parametrize(
    ("authenticate", "named"),
    [
        (by_request, "by_request asks for request: Request"),
        (below, "by_request asks for request: Request"),
        (by_body, r"by_body asks for a body \(login\)"),
        ("ann", "authenticate has to be"),
        (3, "authenticate has to be"),
    ],
)
def test_what_no_handshake_can_resolve_is_refused_by_name(authenticate: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        WebSocketBroadcastBackend().get_router(authenticate=authenticate)


async def test_a_connection_can_be_asked_for() -> None:
    def authenticate(connection: HTTPConnection) -> str:
        return connection.query_params["token"]

    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=authenticate) as server:
        async with client(server.url + "?token=ann") as one:
            await one.nothing_more()
            await backend.disconnect("ann")
            assert (await one.closed())[0] == 4403
