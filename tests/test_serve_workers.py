"""`pattern-stack serve --workers`: what cannot start says so, and what runs is replaced without a gap."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.client import client
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.process import BIN, ROOT, Process, running

APP = "tests.support.worker_app:app"
SERVE = (BIN / "pattern-stack", "serve", APP, "--workers", "2")
STARTED = r"Started server process \[(\d+)\]"


def workers(process: Process) -> list[int]:
    return [int(pid) for pid in re.findall(STARTED, process.log())]


@pytest.mark.parametrize(
    ("app", "options", "said"),
    [
        ("nowhere:app", ("--port", "0"), "Could not import module"),
        ("tests.support.worker_app:nothing", ("--port", "0"), "nothing"),
        (APP, ("--uds", "/nowhere/socket"), "cannot listen on /nowhere/socket: No such file or directory"),
    ],
)
def test_what_cannot_start_ends_the_server(app: str, options: tuple[str, ...], said: str) -> None:
    command = [BIN / "pattern-stack", "serve", app, "--workers", "2", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_sighup_replaces_all_and_clients_recover() -> None:
    with running(*SERVE, "--port", "0", ready=rf"(?s)running on \S+:(?P<port>\d+).*?{STARTED}.*?{STARTED}") as process:
        eventually(lambda: process.log().count("Application startup complete") == 2, process.log())
        before = workers(process)
        async with client(process.url) as one:
            left_at = (await one.subscribe("orders"))["orders"]
            os.kill(process.popen.pid, signal.SIGHUP)
            code, _ = await one.closed()
            assert code == 1012
        eventually(lambda: process.log().count("Finished server process") == 2, process.log())
        after = workers(process)
        assert len(after) == len({*after}) == 4
        assert before == after[:2]
        async with client(process.url) as one:
            assert (await one.subscribe("orders", since={"orders": left_at}))["orders"]["recovered"] is True
        process.terminate()
        assert process.popen.wait(PATIENCE) == 0


def test_a_unix_socket_serves_all_workers_and_is_gone_after_the_end(tmp_path: Path) -> None:
    path = Path(os.path.relpath(tmp_path / "socket", ROOT))
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "socket"))  # of a server that was killed
    with running(*SERVE, "--uds", path, ready="Application startup complete") as process:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(tmp_path / "socket"))
            line.sendall(b"GET /place HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(1024).startswith(b"HTTP/1.1 200")
        process.terminate()
        assert process.popen.wait(PATIENCE) == 0
        assert not (tmp_path / "socket").exists()
