"""`pattern-stack serve`: its options mean what uvicorn's mean; and it warns where anybody may connect."""

import http.client
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import ConnectionClosed

from tests.support.eventually import eventually
from tests.support.process import BIN, ROOT, Process, running

APP = """
from fastapi import FastAPI, Request
from pattern_stack import WebSocketBroadcastBackend

app = FastAPI()
broadcast = WebSocketBroadcastBackend()
app.include_router(broadcast.get_router(ROUTER))


@app.get("/")
async def show(request: Request):
    return {
        "root_path": request.scope["root_path"],
        "client": request.client.host if request.client else None,
        "scheme": request.url.scheme,
        "value": 1,
    }
"""
WARNING = "Anybody who reaches"


@contextmanager
def started(
    folder: Path, *options: str, router: str = "", ready: str | None = None, **environment: str
) -> Iterator[Process]:
    """The application above, from a folder of its own: a reload watches all of it."""
    write(folder, APP.replace("ROUTER", router))
    command = ("env", "-C", folder, BIN / "pattern-stack", "serve", "application:app", "--port", "0", *options)
    settings = {"PYTHONPATH": str(ROOT), **environment}
    process = Process(command, **({"ready": ready} if ready else {}), **settings)
    try:
        yield process
    finally:
        process.end()


def write(folder: Path, text: str) -> None:
    """Later than what was there, by the clock of files, too."""
    file = folder / "application.py"
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    if file.stat().st_mtime_ns <= before:
        os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def get(server: Process, path: str = "/", **headers: str) -> dict[str, Any]:
    request = Request(server.http + path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer: dict[str, Any] = json.load(urlopen(request))
    return answer


def test_root_path_is_what_a_proxy_strips(tmp_path: Path) -> None:
    with started(tmp_path, "--root-path", "/api") as server:
        assert get(server)["root_path"] == "/api"
        assert get(server, "/openapi.json")["servers"] == [{"url": "/api"}]


@pytest.mark.parametrize(
    ("options", "environment", "believed"),
    [
        ([], {}, True),
        (["--forwarded-allow-ips", "192.0.2.1"], {}, False),
        (["--forwarded-allow-ips", "*"], {}, True),
        ([], {"FORWARDED_ALLOW_IPS": "192.0.2.1"}, False),
        (["--forwarded-allow-ips", "127.0.0.1"], {"FORWARDED_ALLOW_IPS": "192.0.2.1"}, True),
    ],
)
def test_forwarded_allow_ips_says_which_proxies_are_believed(
    tmp_path: Path, options: list[str], environment: dict[str, str], believed: bool
) -> None:
    with started(tmp_path, *options, **environment) as server:
        seen = get(server, X_Forwarded_For="198.51.100.7", X_Forwarded_Proto="https")
    assert (seen["client"], seen["scheme"]) == (("198.51.100.7", "https") if believed else ("127.0.0.1", "http"))


@pytest.mark.parametrize("options", [[], ["--no-access-log"], ["--access-log"]])
async def test_access_log_is_a_line_for_each_request(tmp_path: Path, options: list[str]) -> None:
    with started(tmp_path, *options) as server:
        get(server)
        async with connect(server.url, proxy=None):
            pass
        server.terminate()
        server.popen.wait(30)
        assert ('"GET / HTTP/1.1" 200' in server.log()) is (options == ["--access-log"])
        assert "WebSocket" not in server.log()


def test_log_config_configures_logging(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"mine": {"format": "mine: %(message)s"}},
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(log), "formatter": "mine"},
            "out": {"class": "logging.StreamHandler"},
        },
        "loggers": {"uvicorn": {"handlers": ["file", "out"], "level": "INFO"}},
    }
    (tmp_path / "log.json").write_text(json.dumps(configuration))
    with started(tmp_path, "--log-config", str(tmp_path / "log.json")):
        eventually(lambda: "mine: Uvicorn running on" in log.read_text())


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", "{"), ("a.json", "{}"), ("a.json", "[]"), ("a.ini", "x"), ("a.ini", "[loggers]\n"), ("a.yaml", "7")],
)
def test_a_log_config_that_cannot_be_used_is_one_line(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    result = subprocess.run(
        [BIN / "pattern-stack", "serve", "--port", "0", "--log-config", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"the log configuration {tmp_path / name} cannot be used: ")


async def test_uds_is_a_unix_socket_that_is_gone_after_the_end(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    with started(tmp_path, "--uds", path, ready=r"running on unix socket") as server:
        connection = http.client.HTTPConnection("app")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("GET", "/")
        assert json.load(connection.getresponse())["value"] == 1
        connection.close()
        async with unix_connect(path, "ws://app/ws/broadcast") as one:
            await one.send('{"subscribe": ["orders"], "id": 1}')
            assert json.loads(await one.recv())["id"] == 1
        assert WARNING not in server.log()
        server.terminate()
        server.popen.wait(30)
    assert "app.sock" not in os.listdir(tmp_path)


def test_a_unix_socket_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"cannot listen on /nowhere/app\.sock: No such file") as failed,
        started(tmp_path, "--uds", "/nowhere/app.sock", ready="running on unix socket"),
    ):
        pass
    assert "Traceback" not in str(failed.value)


async def test_reload_starts_again_when_a_file_changes(tmp_path: Path) -> None:
    """Clients are told to come back; a file that is broken for a while does not end the server."""
    with started(tmp_path, "--reload", ready=r"running on http://[\d.]+:(?P<port>\d+)") as server:
        eventually(lambda: value(server) == 1)
        async with connect(server.url, proxy=None) as one:
            write(tmp_path, APP.replace("ROUTER", "").replace('"value": 1', '"value": 2'))
            with pytest.raises(ConnectionClosed) as closed:
                await one.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1012
        eventually(lambda: value(server) == 2)
        write(tmp_path, "import nothing_of_this_name")
        eventually(lambda: "nothing_of_this_name" in server.log())
        write(tmp_path, APP.replace("ROUTER", "").replace('"value": 1', '"value": 3'))
        eventually(lambda: value(server) == 3)
        server.terminate()
        assert server.popen.wait(30) == 0


def value(server: Process) -> int | None:
    """None while nobody answers."""
    try:
        return int(get(server)["value"])
    except OSError:
        return None


@pytest.mark.parametrize(
    ("options", "router", "warns"),
    [
        (["--host", "0.0.0.0"], "", True),
        (["--host", "0.0.0.0"], "'/live'", True),
        (["--host", "0.0.0.0"], "authenticate=lambda: 'ann'", False),
        (["--host", "0.0.0.0"], "verify_token=lambda token: 'ann'", False),
        (["--host", "127.0.0.1"], "", False),
        (["--host", "localhost"], "", False),
    ],
)
def test_it_warns_where_the_network_may_connect_without_authentication(
    tmp_path: Path, options: list[str], router: str, warns: bool
) -> None:
    with started(tmp_path, *options, router=router, ready=r"running on http://[\w.]+:(?P<port>\d+)") as server:
        get(server)
        lines = [line for line in server.log().splitlines() if WARNING in line]
    assert len(lines) == warns
    if warns:
        path = router.strip("'") or "/ws/broadcast"
        assert (
            f"Anybody who reaches 0.0.0.0 port 0 may connect to {path}: give its get_router() authenticate=" in lines[0]
        )


def test_it_warns_for_the_application_of_the_package_too() -> None:
    with running(BIN / "pattern-stack", "serve", "--host", "0.0.0.0", "--port", "0") as server:
        eventually(lambda: WARNING in server.log() and "may make every REST call under /api/v1" in server.log())
