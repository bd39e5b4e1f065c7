"""Servers as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


class Process:
    """A server that has said where it listens. `log()` is all that it has printed."""

    def __init__(self, command: Sequence[str | Path], **environment: str) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.popen = subprocess.Popen(
            [*map(str, command)],
            cwd=ROOT,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self.port = self._wait_for_port()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/broadcast"

    def log(self) -> str:
        return os.pread(self._log.fileno(), 10_000_000, 0).decode()

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Whatever is left of it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)  # the group is there as long as one of them is
        self.popen.wait()
        self._log.close()

    def _wait_for_port(self) -> int:
        for _ in range(600):
            if found := re.search(r"running on http://[\d.]+:(\d+)", self.log()):
                return int(found[1])
            assert self.popen.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(self.log())


@contextmanager
def running(*command: str | Path, **environment: str) -> Iterator[Process]:
    process = Process(command, **environment)
    try:
        yield process
    finally:
        process.end()
