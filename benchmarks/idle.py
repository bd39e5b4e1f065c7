"""What sockets cost on which nothing happens but pings: CPU, memory of the process, memory of the kernel. On a core of its own.

The file limit has to allow a socket each, here and in the server.
"""

import argparse
import re
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.measure import pinned
from benchmarks.run import allow_many_files, machine
from benchmarks.systems import HERE

INTERVAL = 20
"""Seconds."""
AT_ONCE = 200
SPARE = 500
"""Files that are no sockets of the crowd."""
AN_ADDRESS = 20_000
"""Sockets from one address: each takes a port of it."""
HEAD = (
    b"GET /ws/broadcast HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextmanager
def server(interval: int) -> Iterator[tuple[psutil.Process, int]]:
    command = [*pinned(0), sys.executable, str(HERE / "served.py"), "pattern_stack_app", str(interval)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    try:
        assert process.stderr
        said = next(found for line in process.stderr if (found := re.search(r"running on http://[\d.]+:(\d+)", line)))
        yield psutil.Process(process.pid), int(said[1])
    finally:
        process.kill()
        process.wait()


class Crowd:
    """Sockets that answer pings, and nothing else."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}

    def grow(self, count: int) -> None:
        while len(self._sockets) < count:
            batch = [self._connect() for _ in range(min(AT_ONCE, count - len(self._sockets)))]
            for one in batch:
                answer = one.recv(4_096)
                assert answer.startswith(b"HTTP/1.1 101"), answer
                one.setblocking(False)
                self._poll.register(one, select.EPOLLIN)

    def _connect(self) -> socket.socket:
        address = f"127.0.0.{1 + len(self._sockets) // AN_ADDRESS}"
        one = socket.create_connection(("127.0.0.1", self._port), source_address=(address, 0))
        one.sendall(HEAD)
        self._sockets[one.fileno()] = one
        return one

    def answer(self, seconds: float) -> int:
        """Pings, for so long. How many there were."""
        end, pings = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left, 512):
                one = self._sockets[descriptor]
                frame = one.recv(4_096)
                if not frame:
                    raise SystemExit("the server ended a connection")
                if frame[0] == 0x89:  # a mask of zeros leaves what it covers as it is
                    one.send(bytes((0x8A, 0x80 | frame[1], 0, 0, 0, 0)) + frame[2:])
                    pings += 1
        return pings


def kernel_kib() -> float:
    """Of all sockets, and all else that it keeps in slabs."""
    slabs = re.search(r"^Slab:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return float(slabs[1]) if slabs else 0.0


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    parser.add_argument("sockets", nargs="?", type=int, default=min(50_000, most))
    parser.add_argument("seconds", nargs="?", type=float, default=2 * INTERVAL)
    parser.add_argument("--interval", type=int, default=INTERVAL, help="seconds between two pings")
    asked = parser.parse_args()
    allow_many_files()
    with server(asked.interval) as (process, port):
        crowd = Crowd(port)
        crowd.grow(1)
        memory, kernel = process.memory_info().rss, kernel_kib()
        crowd.grow(asked.sockets + 1)
        crowd.answer(asked.interval + 1)  # until each has a ping behind it
        memory, kernel = process.memory_info().rss - memory, kernel_kib() - kernel
        used = cpu(process)
        pings = crowd.answer(asked.seconds)
        used = cpu(process) - used
    print(
        f"{asked.sockets} idle sockets, a ping each {asked.interval} s: {memory / 1_024 / asked.sockets:.2f} KiB each, "
        f"{used / asked.seconds / asked.sockets * 1e6:.2f} us of CPU each a second ({used / max(pings, 1) * 1e6:.1f} us a ping); "
        f"of the kernel, both ends together, {kernel / asked.sockets:.1f} KiB each"
    )
    print(machine())


if __name__ == "__main__":
    main()
