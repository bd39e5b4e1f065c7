"""A real redis-server, which a test kills, restarts, suspends and reconfigures."""

import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.programs import program
from tests.support.redis.certificate import Certificate

READY = "Ready to accept connections"


class RedisServer:
    """Runs from `start()` to `kill()` or the end of its `with` block, on a loopback port that it keeps over restarts.

    Nothing is persistent by itself: after a restart the store is empty, and it is another run with another replication
    id. `appendonly="yes"` keeps all of it; a SAVE keeps what there was at that time, and loses what came later.

    Settings are those of redis.conf, with _ for -.
    """

    def __init__(
        self, *, password: str = "", certificate: Certificate | None = None, bus: bool = False, **settings: object
    ) -> None:
        self.port = free_port(bus=bus)
        self.certificate = certificate
        self._password = password
        self._settings = {**self._where(), "save": '""', **settings}
        if password:
            self._settings |= {"requirepass": password, "masterauth": password}
        self._directory = TemporaryDirectory(prefix="redis-")
        self._process: Process | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def url(self) -> str:
        return self.url_as("", self._password) if self._password else self.url_as()

    def url_as(self, user: str = "", password: str = "") -> str:
        """For another user, or for nobody."""
        login = f"{user}:{password}@" if user or password else ""
        if self.certificate:
            return f"rediss://{login}127.0.0.1:{self.port}/0?ssl_ca_certs={self.certificate.path}"
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """With the data that its directory holds, once it takes connections."""
        assert self._process is None
        directory = Path(self._directory.name)
        lines = [f"{name.replace('_', '-')} {value}" for name, value in {**self._settings, "dir": directory}.items()]
        (directory / "redis.conf").write_text("\n".join(lines) + "\n")
        self._process = Process([program("redis-server"), directory / "redis.conf"], ready=READY)

    def kill(self) -> None:
        """With SIGKILL. From now on its port refuses connections."""
        assert self._process
        self._process.end()
        self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def forget(self) -> None:
        """Delete its data while it is down; not what a cluster's node knows of the others."""
        assert self._process is None
        for path in sorted(Path(self._directory.name).glob("**/*"), reverse=True):
            if path.suffix in (".rdb", ".aof", ".manifest"):
                path.unlink()

    def end(self) -> None:
        if self._process:
            self.kill()
        self._directory.cleanup()

    def pause(self) -> None:
        """Suspend it: connections are still accepted by the kernel, and nothing answers. What comes waits for it."""
        assert self._process
        self._process.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.popen.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Since the last start."""
        assert self._process
        return self._process.log()

    def client(self, url: str = "") -> redis.Redis:
        """That answers with str, and raises at the first failure. The URL is this server's, if not another is given."""
        return redis.Redis.from_url(url or self.url, decode_responses=True, retry=Retry(NoBackoff(), 0))

    def command(self, *words: str | int | float) -> Any:
        """Its answer, over a connection of its own."""
        with self.client() as client:
            return client.execute_command(*words)

    def configure(self, **settings: str | int) -> None:
        """Until the next restart."""
        for name, value in settings.items():
            self.command("CONFIG", "SET", name.replace("_", "-"), value)

    def info(self, name: str) -> Any:
        return self.command("INFO", "everything")[name]

    @property
    def run_id(self) -> str:
        return str(self.info("run_id"))

    @property
    def replication_id(self) -> str:
        return str(self.info("master_replid"))

    def _where(self) -> dict[str, object]:
        where: dict[str, object] = {"bind": "127.0.0.1", "daemonize": "no"}
        if not self.certificate:
            return {**where, "port": self.port}
        pair = {"tls_cert_file": self.certificate.path, "tls_key_file": self.certificate.key}
        trust = {"tls_ca_cert_file": self.certificate.path, "tls_auth_clients": "no"}
        return {**where, "port": 0, "tls_port": self.port, **pair, **trust}
