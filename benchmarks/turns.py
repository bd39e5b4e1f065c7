"""make bench, of turns: the longest turn of the event loop, in CPU time, of what many clients cause at once.

The server runs in a thread of this process, on asyncio's own loop; the clients are sockets that the main thread reads.
"""

import asyncio
import gc
import json
import selectors
import socket
import threading
import time
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from benchmarks.run import allow_many_files
from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features.notifications import Notifications

MIB = 1_048_576
SUBSCRIBERS = 500
RECOVERING = 500
NOTIFICATIONS = 1_000
HANDSHAKE = (
    b"GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Longest:
    """The CPU time of the longest turn of the server's thread since it was set to 0, in seconds."""

    seconds = 0.0
    thread = 0


def time_turns() -> None:
    run = Handle._run

    def timed(handle: Handle) -> None:
        began = time.thread_time()
        run(handle)
        if threading.get_ident() == Longest.thread:
            Longest.seconds = max(Longest.seconds, time.thread_time() - began)

    Handle._run = timed  # type: ignore[method-assign]


class Server(uvicorn.Server):
    """The application, and its loop."""

    def __init__(self) -> None:
        self.backend = WebSocketBroadcastBackend()
        self.notifications = Notifications(self.backend)
        app = FastAPI()
        add_exception_handlers(app)
        app.include_router(self.backend.get_router())
        app.include_router(self.notifications.get_router())
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
        self.loop: asyncio.AbstractEventLoop
        self.ready = threading.Event()
        super().__init__(uvicorn.Config(app, ws=FastLane, loop="asyncio", ws_ping_interval=None, log_level="error"))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop, Longest.thread = asyncio.get_running_loop(), threading.get_ident()
        await super().startup(sockets)
        self.ready.set()

    def call(self, work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(600)


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.run, args=([server.listener],))
    thread.start()
    server.ready.wait()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def connected(server: Server, count: int) -> list[socket.socket]:
    """After their handshakes."""
    clients = [socket.create_connection(server.listener.getsockname()) for _ in range(count)]
    for one in clients:
        one.sendall(HANDSHAKE)
    for one in clients:
        while not one.recv(4_096).endswith(b"\r\n\r\n"):
            pass
    return clients


def send(client: socket.socket, frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    client.sendall(b"\x81\xfe" + len(data).to_bytes(2) + bytes(4) + data)


def read(clients: list[socket.socket], size: int) -> None:
    """At least so many bytes from each."""
    with selectors.DefaultSelector() as selector:
        left = dict.fromkeys(clients, size)
        for one in clients:
            selector.register(one, selectors.EVENT_READ)
        while left:
            for key, _ in selector.select():
                one = key.fileobj
                assert isinstance(one, socket.socket)
                left[one] -= len(one.recv(1_048_576))
                if left[one] <= 0:
                    selector.unregister(one)
                    del left[one]


@contextmanager
def measured(name: str) -> Iterator[None]:
    gc.collect()  # the collector's own turns depend on what else is in this process
    Longest.seconds, began = 0.0, time.perf_counter()
    yield
    took = time.perf_counter() - began
    print(f"  {name:64} {Longest.seconds * 1_000:7.2f} ms, of {took * 1_000:8.1f} ms", flush=True)


def measure_notifications(server: Server) -> None:
    async def fill() -> None:
        for number in range(NOTIFICATIONS):
            await server.notifications.send(f"Notification {number}", "x" * 2_000)

    server.call(fill)
    get_notifications(server, 1)  # FastAPI looks at a route when it is called for the first time
    with measured(f"GET notifications?limit={NOTIFICATIONS:,}"):
        get_notifications(server, NOTIFICATIONS)


def get_notifications(server: Server, limit: int) -> None:
    host, port = server.listener.getsockname()
    with socket.create_connection((host, port)) as one:
        path = f"/api/v1/notifications?limit={limit}"
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        while one.recv(1_048_576):
            pass


def measure_fan_out(server: Server) -> None:
    clients = connected(server, SUBSCRIBERS)
    for one in clients:
        send(one, {"subscribe": ["news"], "id": 1})
    read(clients, 40)
    text = "x" * (MIB - 200)
    with measured(f"an event of 1 MB to {SUBSCRIBERS} subscribers"):
        publish = asyncio.run_coroutine_threadsafe(server.backend.broadcast("news", "big", {"text": text}), server.loop)
        read(clients, len(text))
        publish.result()
    for one in clients:
        one.close()


def measure_recovery(server: Server) -> None:
    async def fill() -> Any:
        first = await server.backend.broadcast("room", "e", {"text": "x" * 2_000})
        for _ in range(256):
            await server.backend.broadcast("room", "e", {"text": "x" * 2_000})
        return first.position

    position = server.call(fill)
    clients = connected(server, RECOVERING)
    with measured(f"{RECOVERING} clients recover 256 events of 2 KB at once"):
        for one in clients:
            send(one, {"subscribe": ["room"], "since": {"room": position._asdict()}, "id": 1})
        read(clients, 256 * 2_000)
    for one in clients:
        one.close()


def main() -> None:
    allow_many_files()
    time_turns()
    print("the longest turn, in CPU time", flush=True)
    with running() as server:
        measure_notifications(server)
        measure_fan_out(server)
        measure_recovery(server)


if __name__ == "__main__":
    main()
