"""Events go straight to uvicorn's socket where nothing in between looks at the body, and through `send` anywhere else."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pattern_stack import WebSocketBroadcastBackend
from tests.support.server import serving, serving_backend
from tests.support.stream import Stream, stream

EVENTS = 3


async def follow(backend: WebSocketBroadcastBackend, one: Stream, channel: str) -> None:
    """Each event has arrived before the next is published."""
    for n in range(EVENTS):
        await backend.broadcast(channel, "x", {"n": n})
        assert (await one.receive())["payload"] == {"n": n}


async def test_without_middleware_no_send_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Message] = []
    send = RequestResponseCycle.send

    async def note(self: Any, message: Any) -> None:
        sent.append(message)
        await send(self, message)

    monkeypatch.setattr(RequestResponseCycle, "send", note)
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config={"http": "httptools"}) as server:
        async with stream(server.http, "a", "b") as one:
            await one.receive()
            before = len(sent)
            await follow(backend, one, "a")  # its ids name b, too
            assert len(sent) == before
        async with stream(server.http, "a") as one:
            await one.receive()
            before = len(sent)
            await follow(backend, one, "a")
            assert len(sent) == before


class Counting:
    """Wraps `send` alone: the server's own `receive` still reaches the endpoint."""

    def __init__(self, app: ASGIApp, bodies: list[bytes]) -> None:
        self.app = app
        self.bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.bodies.append(message["body"])
            await send(message)

        await self.app(scope, receive, count)


async def test_what_middleware_does_with_a_body_is_done() -> None:
    bodies: list[bytes] = []
    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.add_middleware(Counting, bodies=bodies)
    app.include_router(backend.get_router())
    with serving(app) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            before = len(bodies)
            await follow(backend, one, "a")
            assert len(bodies) == before + EVENTS


async def test_under_h11() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config={"http": "h11"}) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            await follow(backend, one, "a")
