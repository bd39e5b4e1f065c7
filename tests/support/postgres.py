"""A real PostgreSQL, which a test kills, restarts, suspends and reconfigures."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import psutil
import psycopg

from tests.support import reaper
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.programs import program

READY = "database system is ready to accept connections"
STANDBY = "database system is ready to accept read-only connections"
USER, PASSWORD, DATABASE = "postgres", "hunter2", "postgres"
UNPRIVILEGED = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: where the tests do, it runs as the first of these users that there is."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data directory, so that nothing is left behind when it is killed
    "shared_buffers": "16MB",
    "fsync": "off",  # what is committed survives the server, though not the machine
    "full_page_writes": "off",
    "log_min_messages": "log",
}


class PostgresServer:
    """Runs from `start()` to `kill()` or the end of its `with` block, on a loopback port that it keeps over restarts.

    What was committed survives a restart. The superuser `postgres` has a password and all of its databases ask for it.
    Settings are those of postgresql.conf.
    """

    _ready = READY

    def __init__(self, **settings: object) -> None:
        self.port = free_port()
        self._settings = {**_SETTINGS, "port": self.port, **settings}
        self._directory = directory()
        self._data = Path(self._directory.name, "data")
        self._process: Process | None = None
        self._fill()

    def _fill(self) -> None:
        _run("cp", "-a", _template(), self._data)

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
        """`postgresql://` with the superuser's password."""
        return self.url_as()

    @property
    def sqlalchemy_url(self) -> str:
        """The same for SQLAlchemy, with the driver that this project uses."""
        return self.url.replace("postgresql://", "postgresql+psycopg://")

    def url_as(self, user: str = USER, password: str = PASSWORD, database: str = DATABASE) -> str:
        """For another user or database. Neither has to exist."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """With the data that its directory holds, once it takes connections."""
        assert self._process is None
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._process = Process([*unprivileged(), _program("postgres"), "-D", self._data, *options], ready=self._ready)

    def kill(self) -> None:
        """With SIGKILL, its children too. From now on its port refuses connections."""
        assert self._process
        children = self._children()
        self._process.end()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        eventually(lambda: not any(map(_runs, children)), "a session still runs")
        self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self) -> None:
        try:
            if self._process:
                self.resume()
                self._process.popen.send_signal(signal.SIGQUIT)  # at once, and it gives back its shared memory
                self._process.popen.wait(20)
                self._process.end()
                self._process = None
        finally:
            self._directory.cleanup()

    def pause(self) -> None:
        """Suspend it: the kernel still accepts connections, and nothing answers. What comes waits for it."""
        assert self._process
        self._process.popen.send_signal(signal.SIGSTOP)  # first, so that it starts no more children
        for child in self._children():
            reaper.watch(child.pid)  # a suspended child would outlive a run that is killed
            child.suspend()
        whole = [psutil.Process(self._process.popen.pid), *self._children()]
        eventually(lambda: {one.status() for one in whole} == {psutil.STATUS_STOPPED}, "it still runs")

    def resume(self) -> None:
        assert self._process
        for child in self._children():
            with suppress(psutil.NoSuchProcess):
                child.resume()
            reaper.forget(child.pid)
        self._process.popen.send_signal(signal.SIGCONT)

    def _children(self) -> list[psutil.Process]:
        """Its workers and sessions. Each leads a process group of its own, so a signal to its group does not reach them."""
        assert self._process
        return psutil.Process(self._process.popen.pid).children(recursive=True)

    def log(self) -> str:
        """Since the last start."""
        assert self._process
        return self._process.log()

    def connect(self, url: str = "") -> psycopg.Connection[tuple[Any, ...]]:
        """With autocommit. The URL is this server's, if not another is given."""
        return psycopg.connect(url or self.url, autocommit=True, connect_timeout=10)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows that it returns, over a connection of its own."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


class Replica(PostgresServer):
    """A copy of a running primary, which follows it from `start()` on until `promote()`.

    Not `open`: until then it answers as a server that is starting up.
    """

    def __init__(self, primary: PostgresServer, *, open: bool = True) -> None:
        self._primary = primary
        self._ready = STANDBY if open else "entering standby mode"
        super().__init__(hot_standby="on" if open else "off")

    def _fill(self) -> None:
        backup = (_program("pg_basebackup"), "-D", self._data, "-d", self._primary.url)
        _run(*backup, "-R", "--checkpoint=fast", "--no-sync")

    def catch_up(self) -> None:
        """Until it has every write of the primary so far."""
        ((place,),) = self._primary.execute("SELECT pg_current_wal_lsn()::text")
        behind = "SELECT pg_last_wal_replay_lsn() < %s::pg_lsn"
        eventually(lambda: self.execute(behind, place) == [(False,)], "the replica did not catch up")

    def detach(self) -> None:
        """It gets no further write, and is a replica still."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        eventually(lambda: not self.execute("SELECT pid FROM pg_stat_wal_receiver"), "it still follows")

    def promote(self) -> None:
        """It takes writes when this returns, under a new timeline."""
        _run(_program("pg_ctl"), "promote", "-D", self._data, "-w")


def _runs(process: psutil.Process) -> bool:
    """A zombie, which init reaps at its leisure, runs no more."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _program(name: str) -> Path:
    """One of those that come with the server and lie beside it."""
    return program("postgresql").resolve().with_name(name)


def _user() -> str | None:
    """Who it runs as; None for whoever runs the tests."""
    if os.geteuid():
        return None
    return next(name for name in UNPRIVILEGED if name in {one.pw_name for one in pwd.getpwall()})


def unprivileged() -> list[str]:
    """What a command begins with, so that it runs as that user, in a directory that this user may enter."""
    user = _user()
    if user is None:
        return []
    group = str(pwd.getpwnam(user).pw_gid)
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "env", "--chdir=/"]


def _run(*command: str | Path) -> None:
    done = subprocess.run([*unprivileged(), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def directory() -> "TemporaryDirectory[str]":
    home = TemporaryDirectory(prefix="postgres-")
    if user := _user():
        shutil.chown(home.name, user)
    return home


@cache
def _made() -> "TemporaryDirectory[str]":
    """Made once by each test process, and kept until it ends: this takes a second, a copy of it a tenth."""
    home = directory()
    atexit.register(home.cleanup)
    password = Path(home.name, "password")
    password.write_text(PASSWORD)
    password.chmod(0o644)
    _run(
        *(_program("initdb"), "-D", Path(home.name, "data"), "-U", USER, "--pwfile", password),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync"),
    )
    return home


def _template() -> Path:
    """The data of a server that has never run."""
    return Path(_made().name, "data")
