"""A real load balancer before several instances."""

import csv
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.support.address import Address
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.programs import program

CONFIG = Path(__file__).parent / "haproxy.cfg"


class Balancer(Address):
    """haproxy on a free loopback port, with the configuration of docker-compose.test.yml before these instances.

    Connections go to those that answer GET /ready with 200, in turn. It asks five times a second; who fails twice gets
    no more of them.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._ports = ports
        self._directory = TemporaryDirectory(prefix="haproxy-")
        self._admin = Path(self._directory.name) / "admin"
        self._process: Process | None = None

    def __enter__(self) -> Self:
        """Once it has asked each of them."""
        config = Path(self._directory.name) / "haproxy.cfg"
        config.write_text(self._config())
        try:
            self._process = Process([program("haproxy"), "-db", "-f", config], ready="")
            eventually(self._has_begun, "haproxy did not start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.end()
        self._directory.cleanup()

    def serving(self) -> set[int]:
        """The ports that new connections go to."""
        return {port for port, one in self._servers().items() if one["status"].startswith("UP")}

    def until_serving(self, *ports: int) -> None:
        """These, and no others."""
        eventually(lambda: self.serving() == set(ports), f"new connections do not go to {ports}")

    def spare(self, port: int) -> None:
        """No new connections to it; those that it has stay."""
        self._ask(f"set server instances/instance-{port} state drain")

    def use(self, port: int) -> None:
        """As before `spare`."""
        self._ask(f"set server instances/instance-{port} state ready")

    def _config(self) -> str:
        text, binds = re.subn(r"bind :8000", f"bind 127.0.0.1:{self.port}", CONFIG.read_text())
        text, servers = re.subn(r"\n  server .*", "", text)
        assert binds == 1
        assert servers
        lines = [f"  server instance-{port} 127.0.0.1:{port}" for port in self._ports]
        return "\n".join([f"global\n  stats socket {self._admin} level admin", text, *lines, ""])

    def _has_begun(self) -> bool:
        assert self._process
        assert self._process.popen.poll() is None, self._process.log()
        return self._admin.exists() and all(one["check_status"] not in ("", "INI") for one in self._servers().values())

    def _servers(self) -> dict[int, dict[str, str]]:
        rows = csv.DictReader(self._ask("show stat -1 4 -1").removeprefix("# ").splitlines())  # 4: the servers
        return {int(row["addr"].rpartition(":")[2]): row for row in rows}

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._admin))
            admin.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: admin.recv(65_536), b"")).decode()
