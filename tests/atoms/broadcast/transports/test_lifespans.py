"""Several applications on one backend, as for a public and an internal port: each ends for itself."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import LANES, Server


class Running:
    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._server = server
        self._task = asyncio.create_task(server._serve([server.listener]))

    async def end(self) -> None:
        self._server.should_exit = True
        await self._task


@asynccontextmanager
async def on_this_loop(backend: WebSocketBroadcastBackend, lane: str) -> AsyncIterator[Running]:
    app = FastAPI()
    app.include_router(backend.get_router(direct=lane == "direct"))
    listener = socket.create_server(("127.0.0.1", 0))
    options: dict[str, Any] = {"ws": LANES[lane], "log_config": None, "timeout_graceful_shutdown": 5}
    running = Running(Server(uvicorn.Config(app, **options), listener))
    while not running._server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    try:
        yield running
    finally:
        await running.end()


@pytest.mark.parametrize("lane", LANES)
async def test_the_end_of_one_application_leaves_the_clients_of_the_other(lane: str) -> None:
    backend = WebSocketBroadcastBackend()
    async with (
        on_this_loop(backend, lane) as public,
        on_this_loop(backend, lane) as internal,
        client(public.url) as one,
        client(internal.url) as other,
    ):
        for each in (one, other):
            await each.subscribe("orders")
        ending = asyncio.create_task(public.end())
        assert (await one.closed())[0] == 1012
        await ending
        await backend.broadcast("orders", "x", {})
        assert (await other.event())["offset"] == 1
        async with client(internal.url) as late:
            await late.subscribe("orders")
            await backend.broadcast("orders", "x", {})
            assert (await late.event())["offset"] == (await other.event())["offset"] == 2
        assert backend.is_ready
        await internal.end()
        assert (await other.closed())[0] == 1012


async def test_the_last_application_ends_what_is_left() -> None:
    backend, app, other = WebSocketBroadcastBackend(), FastAPI(), FastAPI()
    for each in (app, other):
        each.include_router(backend.get_router())
    events = backend.listen("orders")
    async with app.router.lifespan_context(app):
        async with other.router.lifespan_context(other):
            step = asyncio.ensure_future(anext(events))
            while not backend._instance.listening.listeners:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        assert not step.done()
        assert backend.is_ready
    with pytest.raises(StopAsyncIteration):
        await step
