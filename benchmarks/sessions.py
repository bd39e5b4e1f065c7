"""make bench, of sessions: a command on a big graph until the last of its clients has it, many sessions, what one weighs, and
the longest turn of the event loop.

The server has one core to itself, and this program, which reads sockets without looking at what they say, the other.
"""

import argparse
import http.client
import json
import os
import platform
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import redis

from benchmarks.measure import pinned
from benchmarks.redis import redis_server
from benchmarks.run import allow_many_files, machine
from benchmarks.session_turns import measure_turns

HANDSHAKE = (
    "GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Server:
    """The whole application, and one connection that calls it."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self._process = psutil.Process(pid)
        self._http = http.client.HTTPConnection("127.0.0.1", port)
        self._called = time.monotonic()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        if time.monotonic() - self._called > 2:  # the server closes what is idle for 5 s
            self._http.close()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._http.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        answer = self._http.getresponse()
        self._called = time.monotonic()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else None

    def execute(self, session: str, command_type: str, **data: Any) -> Any:
        body = {"session_id": session, "command_type": command_type, "data": data}
        return self.call("POST", "/commands/execute?graph=false", body)

    @property
    def cpu(self) -> float:
        """Seconds of it so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> int:
        return int(self._process.memory_info().rss)


@contextmanager
def running(**environment: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*pinned(0), Path(sys.executable).with_name("pattern-stack"), "serve", "--port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PATTERN_STACK_DATABASE_URL": f"sqlite+aiosqlite:///{directory}/projects.db",
                **environment,
            },
        )
        try:
            yield Server(_port(process, log.fileno()), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _port(process: "subprocess.Popen[bytes]", log: int) -> int:
    while process.poll() is None:
        if found := re.search(rb"running on http://127\.0\.0\.1:(\d+)", os.pread(log, 100_000, 0)):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(os.pread(log, 100_000, 0).decode())


class Crowd:
    """Sockets that are read until each has seen something."""

    def __init__(self, port: int, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self.sockets = [self._connect(port) for _ in range(count)]

    def _connect(self, port: int) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(HANDSHAKE.format(port=port).encode())
        while b"\r\n\r\n" not in one.recv(65_536):
            pass
        self._selector.register(one, selectors.EVENT_READ)
        return one

    def join(self, sessions: list[str]) -> None:
        """Each its own, until all of them have their snapshots."""
        for one, session in zip(self.sockets, sessions, strict=True):
            data = json.dumps({"subscribe": [f"session:{session}"]}).encode()
            one.sendall(bytes([0x81, 0x80 | len(data)]) + b"\0\0\0\0" + data)
        self.until(b'"snapshot"')

    def until(self, what: bytes) -> None:
        """A frame may arrive in pieces; what it says lies within the last and the one before."""
        missing, rest = set(self.sockets), dict.fromkeys(self.sockets, b"")
        while missing:
            for key, _ in self._selector.select(10):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                read = one.recv(1 << 20)
                if not read:  # pings are not answered here: who is connected for longer than 20 s is taken for dead
                    raise RuntimeError("the server has closed a connection: it was too slow")
                data = rest[one] + read
                if what in data:
                    missing.discard(one)
                rest[one] = data[-len(what) :]

    def drain(self) -> None:
        """Throw away what comes until nothing has come for a while."""
        while ready := self._selector.select(0.3):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.recv(1 << 20)

    def close(self) -> None:
        for one in self.sockets:
            one.close()
        self._selector.close()


def grown(server: Server, nodes: int) -> tuple[str, list[str]]:
    """A session whose graph has so many nodes, a hundred under each; its parents."""
    session = server.call("POST", "/sessions")["session_id"]
    kit = server.execute(session, "CreateNode", blueprint_type_id="job", name="kit")["node_id"]
    for number in range(99):
        server.execute(session, "CreateNode", blueprint_type_id="task", name=f"Task {number}", parent_id=kit)
    parents = [kit]
    while len(parents) < nodes // 100:
        parent = server.execute(session, "CreateNode", blueprint_type_id="job", name="job")["node_id"]
        server.execute(session, "ApplyKit", target_id=parent, kit_root_id=kit)
        parents.append(parent)
    return session, parents


def latencies(server: Server, nodes: int, clients: int, commands: int) -> None:
    session, parents = grown(server, nodes)
    with crowded(server, session, clients) as crowd:
        commanded(server, server, session, parents, crowd, commands)


@contextmanager
def crowded(server: Server, session: str, clients: int) -> Iterator[Crowd]:
    crowd = Crowd(server.port, clients)
    crowd.join([session] * clients)
    crowd.drain()
    yield crowd
    crowd.close()


def commanded(owner: Server, called: Server, session: str, parents: list[str], crowd: Crowd, commands: int) -> None:
    """Commands that `called` is sent, until the crowd on `owner` has their events."""
    count = called.call("GET", f"/sessions/{session}/info")["node_count"]
    answered, delivered, cpu = [], [], called.cpu
    for number in range(commands):
        parent = parents[number % len(parents)]
        began = time.perf_counter()
        if number % 2:
            called.execute(session, "UpdateProperty", node_id=parent, property_id="note", value=f"n{number}{count}")
        else:
            called.execute(session, "CreateNode", blueprint_type_id="task", name=f"T{number}", parent_id=parent)
        answered.append(time.perf_counter() - began)
        crowd.until(b'"command-executed"')
        delivered.append(time.perf_counter() - began)
    print(f"a command on {count:,} nodes, {len(crowd.sockets)} clients, {commands:,} commands", flush=True)
    print(f"  answered               {_told(answered)}", flush=True)
    print(f"  the last client has it {_told(delivered)}", flush=True)
    print(f"  the server's CPU       {(called.cpu - cpu) / commands * 1000:.2f} ms a command", flush=True)


def shared(nodes: int, clients: int, commands: int) -> None:
    """Over Redis: on the owner, through another instance, and what a third one needs to have the session."""
    with redis_server(pinned(1)) as store, running(BROADCAST_URL=store.url) as owner:
        session, parents = grown(owner, nodes)
        with running(BROADCAST_URL=store.url) as other, crowded(owner, session, clients) as crowd:
            for name, called in (("the owner", owner), ("another instance", other)):
                print(f"over Redis, calls go to {name}:", end=" ", flush=True)
                commanded(owner, called, session, parents, crowd, commands)
        with running(BROADCAST_URL=store.url) as third:
            third.call("GET", "/health")  # it has started
            began = time.perf_counter()
            third.call("GET", f"/sessions/{session}/info")
            print(f"another instance has it after {time.perf_counter() - began:.2f} s", flush=True)
        print(f"the session in Redis: {_stored(store.url, session):,} bytes", flush=True)


def _stored(url: str, session: str) -> int:
    keys = redis.Redis.from_url(url).scan_iter(match=f"*{session}*")
    return sum(redis.Redis.from_url(url).memory_usage(key, samples=0) or 0 for key in keys)


def _told(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:6.2f} ms   p99 {cuts[98] * 1000:6.2f} ms"


def many(server: Server, sessions: int) -> None:
    began = time.perf_counter()
    ids = [server.call("POST", "/sessions")["session_id"] for _ in range(sessions)]
    created = time.perf_counter() - began
    crowd = Crowd(server.port, sessions)
    began = time.perf_counter()
    crowd.join(ids)
    joined = time.perf_counter() - began
    print(
        f"{sessions:,} sessions: created in {created:.2f} s (one call after the other), joined in {joined:.2f} s",
        flush=True,
    )
    crowd.close()


def weight(server: Server, sessions: int) -> None:
    before = server.memory
    ids = [server.call("POST", "/sessions")["session_id"] for _ in range(sessions)]
    empty = (server.memory - before) / sessions
    before = server.memory
    for session in ids[: sessions // 10]:
        for number in range(10):
            server.execute(session, "CreateNode", blueprint_type_id="task", name=f"T{number}")
    filled = (server.memory - before) / (sessions // 10)
    print(
        f"a session: {empty:,.0f} bytes; with 10 nodes, their undo and the channel's history {empty + filled:,.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sessions", description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--commands", type=int, default=2_000)
    parser.add_argument("--sessions", type=int, default=1_000)
    asked = parser.parse_args()
    allow_many_files()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    for measured in (
        lambda server: weight(server, 10 * asked.sessions),
        lambda server: many(server, asked.sessions),
        lambda server: latencies(server, asked.nodes, asked.clients, asked.commands),
    ):
        with running() as server:
            measured(server)
    shared(asked.nodes, asked.clients, asked.commands)
    measure_turns(asked.nodes, asked.sessions)
    print(f"{machine()}; Python {platform.python_version()}", flush=True)


if __name__ == "__main__":
    main()
