"""A PostgreSQL of the benchmark's own, with the settings that it comes with, ended with what was measured over it."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.redis import free_port

PATIENCE = 20  # seconds for its start


class Postgres(NamedTuple):
    url: str
    pid: int


@contextmanager
def postgres_server(prefix: list[str]) -> Iterator[Postgres]:
    """`prefix`: what its command begins with. It writes to the disk as it does out of the box. RuntimeError where it does not
    start."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-postgres-") as home:
        data, run = Path(home, "data"), _unprivileged(home)
        initdb = [*run, _program("initdb"), "-D", data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(initdb, stdout=subprocess.DEVNULL, check=True)
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p", str(port)]
        process = subprocess.Popen(
            [*prefix, *run, _program("postgres"), "-D", data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_it_answers(process, port)
            yield Postgres(f"postgresql://bench@127.0.0.1:{port}/postgres", process.pid)
        finally:
            process.terminate()
            process.wait()


def _program(name: str) -> Path:
    server = os.environ.get("POSTGRESQL") or shutil.which("postgres")
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))[-1:]
    if not server and not newest:
        raise RuntimeError("there is no PostgreSQL here; POSTGRESQL names one")
    return Path(server or newest[0]).resolve().with_name(name)


def _unprivileged(home: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return []
    user = next(name for name in ("postgres", "nobody") if name in {one.pw_name for one in pwd.getpwall()})
    shutil.chown(home, user)
    group = str(pwd.getpwnam(user).pw_gid)
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "env", "--chdir=/"]


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError("postgres did not start")
