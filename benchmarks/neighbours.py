"""make bench: the latency of events to 200 clients, without and with one more client that does not read.

The server has one core, this program the other. An event carries the monotonic time of its publish, which both share.
"""

import argparse
import asyncio
import http.client
import os
import platform
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import uvicorn
from fastapi import FastAPI

from benchmarks.measure import pinned
from benchmarks.run import allow_many_files, machine
from pattern_stack import Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane

HANDSHAKE = (
    b"GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SUBSCRIBE = b'{"subscribe": ["news"], "id": 1}'
PADDING = "x" * 1_000
FILLING = "x" * 50_000
SMALLEST = 4_096  # bytes, of a buffer of the kernel's
AT = re.compile(rb'"at":([0-9.]+),')
LONGEST = 40  # bytes that may be the beginning of such a match

# -- the server


def application(listener: socket.socket) -> FastAPI:
    app = FastAPI()
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=100_000_000, stalled_seconds=3_600))
    app.include_router(backend.get_router())

    @app.post("/narrow")
    async def narrow() -> None:
        """Give accepted sockets the smallest send buffer."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALLEST)

    @app.post("/fill")
    async def fill() -> None:
        """Publish more than the buffers of a client that does not read can hold."""
        for _ in range(10):
            await backend.broadcast("news", "filling", {"padding": FILLING})

    @app.post("/publish")
    async def publish(count: int) -> None:
        for _ in range(count):
            await backend.broadcast("news", "e", {"at": time.monotonic(), "padding": PADDING})
            await asyncio.sleep(0.02)

    return app


def serve() -> None:
    allow_many_files()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(application(listener), ws=FastLane, ws_ping_interval=None, log_level="error")
    uvicorn.Server(config).run([listener])


@contextmanager
def running() -> Iterator[int]:
    """Its port."""
    command = [*pinned(0), sys.executable, "-m", "benchmarks.neighbours", "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


# -- its clients


def subscriber(port: int, receive_buffer: int = 0) -> socket.socket:
    """A socket whose subscription was acknowledged."""
    one = socket.socket()
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.connect(("127.0.0.1", port))
    one.sendall(HANDSHAKE)
    wait_for(one, b"\r\n\r\n")
    one.sendall(bytes([0x81, 0x80 | len(SUBSCRIBE)]) + b"\0\0\0\0" + SUBSCRIBE)
    wait_for(one, b"subscribed")
    return one


def wait_for(one: socket.socket, what: bytes) -> None:
    got = b""
    while what not in got:
        read = one.recv(65_536)
        if not read:
            raise RuntimeError(f"the server ended a connection: {got!r:.200}")
        got += read


class Crowd:
    """Clients that read."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._rest: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        for _ in range(count):
            one = subscriber(port)
            self._rest[one] = b""
            self._selector.register(one, selectors.EVENT_READ)

    def round(self, events: int) -> list[float]:
        """The latency of each event to each client, in milliseconds."""
        took: list[float] = []
        publishing = self._ask(f"/publish?count={events}")
        while len(took) < events * len(self._rest):
            for one in self._ready():
                data = self._rest[one] + one.recv(1 << 20)
                now = time.monotonic()
                end = 0
                for found in AT.finditer(data):
                    took.append((now - float(found[1])) * 1_000)
                    end = found.end()
                self._rest[one] = data[end:][-LONGEST:]
        publishing.getresponse().read()
        return took

    def fill(self) -> None:
        asked = self._ask("/fill")
        left = dict.fromkeys(self._rest, 10 * len(FILLING))
        while any(size > 0 for size in left.values()):
            for one in self._ready():
                left[one] -= len(one.recv(1 << 20))
        asked.getresponse().read()

    def _ready(self) -> list[socket.socket]:
        ready = [key.fileobj for key, _ in self._selector.select(20)]
        if not ready:
            raise RuntimeError("nothing has come for 20 s")
        return [one for one in ready if isinstance(one, socket.socket)]

    def narrow(self) -> None:
        self._ask("/narrow").getresponse().read()

    def _ask(self, path: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("POST", path)
        return connection


def told(rounds: list[list[float]]) -> str:
    cuts = statistics.quantiles(chain.from_iterable(rounds), n=100)
    return f"p50 {cuts[49]:6.2f} ms   p99 {cuts[98]:6.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--events", type=int, default=250, help="of a round, 50 a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve()
        return
    allow_many_files()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    with running() as port:
        crowd = Crowd(port, asked.clients)
        crowd.round(asked.events)  # warm
        alone = [crowd.round(asked.events) for _ in range(asked.rounds)]
        crowd.narrow()
        stuck = subscriber(port, SMALLEST)
        crowd.fill()
        beside = [crowd.round(asked.events) for _ in range(asked.rounds)]
        stuck.close()
    print(f"an event of 1 KB to each of {asked.clients} clients, 50 a second")
    print(f"  alone                          {told(alone)}")
    print(f"  beside one that does not read  {told(beside)}")
    ratio = median_p99(beside) / median_p99(alone)
    print(f"  ratio of the median p99 of {asked.rounds} rounds: {ratio:.2f}")
    print(f"{machine()}; Python {platform.python_version()}", flush=True)


def median_p99(rounds: list[list[float]]) -> float:
    return statistics.median(statistics.quantiles(took, n=100)[98] for took in rounds)


if __name__ == "__main__":
    main()
