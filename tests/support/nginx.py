"""A real nginx, with a configuration of docs/production.md."""

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.support.address import Address
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.programs import program

_FRAME = """
pid {directory}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
access_log off;
client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
{block}
}}
"""


def with_ports(block: str, port: int, servers: Sequence[int]) -> str:
    """A block that listens on 8080 before 8001, and 8002 where there are two, with these ports in their place."""
    for shown, real in zip(("8080", "8001", "8002"), (port, *servers), strict=False):
        block, count = re.subn(f"127.0.0.1:{shown}", f"127.0.0.1:{real}", block)
        assert count == 1, shown
    return block


class Nginx(Address):
    def __init__(self, block: str, servers: Sequence[int]) -> None:
        self.port = free_port()
        self._block = with_ports(block, self.port, servers)
        self._directory = TemporaryDirectory(prefix="nginx-")

    def __enter__(self) -> Self:
        config = Path(self._directory.name) / "nginx.conf"
        config.write_text(_FRAME.format(directory=self._directory.name, block=self._block))
        command = [program("nginx"), "-p", self._directory.name, "-c", config, "-g", "daemon off; master_process off;"]
        try:
            self._process = Process(command, ready="using the .* event method")
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._directory.cleanup()


class Haproxy(Address):
    def __init__(self, block: str, servers: Sequence[int]) -> None:
        self.port = free_port()
        self._block = with_ports(block, self.port, servers)
        self._directory = TemporaryDirectory(prefix="haproxy-")

    def __enter__(self) -> Self:
        config = Path(self._directory.name) / "haproxy.cfg"
        config.write_text(f"global\n  log stdout format raw daemon\n{self._block}")
        self._process = Process([program("haproxy"), "-db", "-f", config], ready="")
        eventually(lambda: _listens(self.port), "haproxy does not listen")  # it does not say when it does
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._directory.cleanup()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
