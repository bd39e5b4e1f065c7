"""A Redis of the benchmark's own: on a free port, without persistence, ended with what was measured over it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import NamedTuple

SERVER = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or "valkey-server"
SETTINGS = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]
PATIENCE = 10  # seconds for its start


class Redis(NamedTuple):
    url: str
    pid: int


@contextmanager
def redis_server(prefix: list[str]) -> Iterator[Redis]:
    """`prefix`: what its command begins with. RuntimeError where it does not start."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-redis-") as home:
        process = subprocess.Popen(
            [*prefix, SERVER, *SETTINGS, "--port", str(port), "--dir", home], stdout=subprocess.DEVNULL
        )
        try:
            _wait_until_it_answers(process, port)
            yield Redis(f"redis://127.0.0.1:{port}/0", process.pid)
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("redis-server did not start")
