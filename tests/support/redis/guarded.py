"""A primary, its replica, and three sentinels that see to it that one of the two is the primary."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import redis

from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.programs import program
from tests.support.redis.replicated import Replicated
from tests.support.redis.server import RedisServer

NAME = "orders-primary"
_SENTINELS = 3
_DOWN_MILLISECONDS = 300


class Sentinel:
    """One of them. It takes a primary that is silent for 0.3 s for down."""

    def __init__(self, primary: RedisServer, password: str, servers_password: str) -> None:
        self.port = free_port()
        self._password = password
        self._directory = TemporaryDirectory(prefix="sentinel-")
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self._directory.name}",
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds {NAME} {_DOWN_MILLISECONDS}",
            f"sentinel failover-timeout {NAME} 2000",
            *([f"sentinel auth-pass {NAME} {servers_password}"] if servers_password else []),
            *([f"requirepass {password}"] if password else []),
        ]
        path = Path(self._directory.name) / "sentinel.conf"
        path.write_text("\n".join(lines) + "\n")
        self._process: Process | None = Process([program("redis-server"), path, "--sentinel"], ready=r"\+monitor")

    def command(self, *words: str | int) -> Any:
        with redis.Redis(port=self.port, password=self._password or None, decode_responses=True) as client:
            return client.execute_command(*words)

    def about(self, what: str) -> Any:
        """One of the things that it knows of the primary."""
        answer = self.command("SENTINEL", "MASTER", NAME)
        return answer[what] if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))[what]

    def end(self) -> None:
        if self._process:
            self._process.end()
        self._process = None
        self._directory.cleanup()


class Guarded(Replicated):
    """The sentinels know the replica and each other when the `with` block begins."""

    def __init__(self, *, password: str = "", sentinel_password: str = "") -> None:
        super().__init__(password=password)
        self._passwords = (sentinel_password, password)
        self.sentinels: list[Sentinel] = []

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.sentinels = [Sentinel(self.primary, *self._passwords) for _ in range(_SENTINELS)]
            eventually(self._is_known, "the sentinels did not find each other")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as ends:
            ends.callback(super().__exit__)
            for one in self.sentinels:
                ends.callback(one.end)

    def _is_known(self) -> bool:
        return all(
            (int(one.about("num-slaves")), int(one.about("num-other-sentinels"))) == (1, _SENTINELS - 1)
            for one in self.sentinels
        )

    def url(self, login: str = "", query: str = "", name: str = NAME) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{login}{hosts}/{name}/0{query}"

    def until_promoted(self, server: RedisServer) -> None:
        """Until the sentinels name this one."""
        eventually(lambda: all(int(one.about("port")) == server.port for one in self.sentinels), "nobody was promoted")
