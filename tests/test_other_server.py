"""An ASGI server that is not uvicorn: the slow lane asks for nothing but ASGI."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from hypercorn.asyncio import serve
from hypercorn.config import Config

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client


@asynccontextmanager
async def hypercorn(app: FastAPI) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # which it closes
    config.errorlog = None
    stop = asyncio.Event()
    running = asyncio.create_task(serve(cast(Any, app), config, shutdown_trigger=stop.wait))
    try:
        yield f"ws://127.0.0.1:{port}/ws/broadcast"
    finally:
        stop.set()
        await running


async def test_events_recovery_and_closes() -> None:
    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.include_router(backend.get_router(authenticate=lambda: "ann"))
    async with hypercorn(app) as url:
        async with client(url) as one:
            left_at = (await one.subscribe("orders"))["orders"]
            await backend.broadcast_many([("orders", "x", {"n": n}) for n in range(100)])
            assert [event["offset"] for event in await one.take(100)] == list(range(1, 101))
            one.cut()
        async with client(url) as one:
            assert (await one.subscribe("orders", since={"orders": {**left_at, "offset": 90}}))["orders"]["recovered"]
            assert [event["offset"] for event in await one.take(10)] == list(range(91, 101))
            await one.send(b"binary")
            assert (await one.receive())["error"]["code"] == "invalid_message"
            await backend.disconnect("ann")
            assert (await one.closed())[0] == 4403
        assert backend.get_all_channels() == []
