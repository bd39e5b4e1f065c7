"""Servers as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import reaper
from tests.support.address import Address
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

LISTENING = r"running on http://[\d.]+:(?P<port>\d+)"
"""What uvicorn says."""


class Process(Address):
    """A server that has said that it is ready. `log()` is all that it has printed.

    It and its children end with the test run, even where that is killed.
    """

    def __init__(self, command: Sequence[str | Path], *, ready: str = LISTENING, **environment: str) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.popen = subprocess.Popen(
            [*map(str, command)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        reaper.watch(self.popen.pid)
        try:
            self._said = self._wait_for(ready)
        except BaseException:
            self.end()
            raise

    @property
    def port(self) -> int:
        return int(self._said["port"])

    def log(self) -> str:
        return os.pread(self._log.fileno(), 10_000_000, 0).decode()

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Whatever is left of it and its children, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)  # the group is there as long as one of them is
        self.popen.wait()
        reaper.forget(self.popen.pid)
        self._log.close()

    def _wait_for(self, ready: str) -> "re.Match[str]":
        found: re.Match[str] | None = None

        def is_ready() -> bool:
            nonlocal found
            found = re.search(ready, self.log())
            assert found or self.popen.poll() is None, self.log()
            return found is not None

        eventually(is_ready, f"{self.popen.args} did not start")
        assert found
        return found


@contextmanager
def running(*command: str | Path, **environment: str) -> Iterator[Process]:
    process = Process(command, **environment)
    try:
        yield process
    finally:
        process.end()
