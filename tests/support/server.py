"""A real uvicorn on a free loopback port, in a thread of this process, so that tests can look into the application."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import uvicorn
from fastapi import APIRouter, FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from pattern_stack.atoms.rest import add_exception_handlers
from tests.support.address import Address
from tests.support.patience import PATIENCE

T = TypeVar("T")

LANES: dict[str, Any] = {"slow": "websockets-sansio", "fast": FastLane, "direct": FastLane}
"""How uvicorn carries WebSockets: by itself, or in the fast lane; `direct`: with `get_router(direct=True)`."""

lane = "fast"
"""The one in use: see the fixture of that name."""


class Server(Address, uvicorn.Server):
    """Knows its loop, so that a test can call into it."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self.listener = listener
        self.ready = threading.Event()
        self.port: int = listener.getsockname()[1]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """As uvicorn's, but who ends hundreds of servers does not wait for its ten looks a second."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            await asyncio.sleep(0.01)

    def call(self, work: Callable[[], Awaitable[T] | T], timeout: float = PATIENCE) -> T:
        """Run it on the server's loop, from another thread."""

        async def run() -> T:
            result = work()
            return await result if isinstance(result, Awaitable) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout)

    async def acall(self, work: Callable[[], Awaitable[T] | T], timeout: float = PATIENCE) -> T:
        """Run it on the server's loop, from a test's loop."""
        return await asyncio.to_thread(self.call, work, timeout)


@contextmanager
def serving(app: Any, **config: Any) -> Iterator[Server]:
    """The application behind uvicorn, in the lane of the test, until the block ends. Without pings, unless `config` sets them."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    defaults = {"ws": LANES[lane], "ws_ping_interval": None, "log_config": None, "timeout_graceful_shutdown": 5}
    server = Server(uvicorn.Config(app, **{**defaults, **config}), listener)
    thread = threading.Thread(target=lambda: server.run([listener]), daemon=True)
    thread.start()
    try:
        assert server.ready.wait(PATIENCE), "uvicorn did not start"
        yield server
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "uvicorn did not stop"


def router_of(backend: WebSocketBroadcastBackend, path: str = "/ws/broadcast", **options: Any) -> APIRouter:
    """As the lane of the test has it."""
    return backend.get_router(path, **{"direct": lane == "direct", **options})


@contextmanager
def serving_backend(
    backend: WebSocketBroadcastBackend, *, config: dict[str, Any] | None = None, **router: Any
) -> Iterator[Server]:
    """A FastAPI application with nothing but this backend's router."""
    app = FastAPI()
    app.include_router(router_of(backend, **router))
    with serving(app, **(config or {})) as server:
        yield server


class Feature(Protocol):
    def get_router(self) -> APIRouter: ...


def application(broadcast: WebSocketBroadcastBackend, feature: Feature) -> FastAPI:
    """With nothing but a feature, as docs show it."""
    app = FastAPI()
    add_exception_handlers(app)
    app.include_router(broadcast.get_router())
    app.include_router(feature.get_router())
    return app


async def until(server: Server, is_it: Callable[[], bool]) -> None:
    """Until it holds, on the server's loop."""

    async def watch() -> None:
        while not is_it():  # noqa: ASYNC110 - what it watches has no event
            await asyncio.sleep(0.01)

    await asyncio.wait_for(server.acall(watch), PATIENCE)
