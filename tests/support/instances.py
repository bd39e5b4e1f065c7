"""Several instances of an application, each a process of its own."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.address import Address
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.process import BIN, Process


class Instance(Address):
    """`pattern-stack serve` on a loopback port that it keeps over restarts."""

    def __init__(self, app: str = "test_server:app", **environment: str) -> None:
        self.port = free_port()
        self.environment = environment
        self._app = app
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process, "it does not run"
        return self._process

    def start(self) -> None:
        """Once it listens. `until_ready` tells when it does its work."""
        assert self._process is None
        serve = [BIN / "pattern-stack", "serve", self._app, "--port", str(self.port)]
        self._process = Process(serve, **self.environment)

    def kill(self) -> None:
        """With SIGKILL: its clients get no close."""
        self.process.end()
        self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self) -> None:
        if self._process:
            self.kill()

    def until_ready(self) -> None:
        eventually(lambda: self.readiness() == 200, f"{self.http}/ready did not say 200")

    def readiness(self) -> int:
        """The status of its answer to GET /ready."""
        try:
            with urlopen(f"{self.http}/ready", timeout=PATIENCE) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    def stats(self) -> dict[str, Any]:
        """Of test_server:app: its open connections, and its channels."""
        with urlopen(f"{self.http}/test/stats", timeout=PATIENCE) as answer:
            stats: dict[str, Any] = json.load(answer)
        return stats


@contextmanager
def instances(count: int, app: str = "test_server:app", **environment: str) -> Iterator[list[Instance]]:
    """All of them ready."""
    started = [Instance(app, **environment) for _ in range(count)]
    with ExitStack() as ends:
        for one in started:
            ends.callback(one.end)
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Instance.start, started))
            list(pool.map(Instance.until_ready, started))
        yield started
