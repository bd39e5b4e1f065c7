"""What ends a start says in one line what to change."""

import errno
import os
import socket
from pathlib import Path

import pytest

from pattern_stack.app import create_app
from pattern_stack.errors import InvalidSetting, InvalidURL
from pattern_stack.serve import serve
from pattern_stack.serve_errors import check_application, listening_error
from pattern_stack.settings import Settings

APPLICATIONS = {
    "nothing": ("main", "main is no application: name module:attribute"),
    "no attribute": ("main:", "name module:attribute"),
    "a module that is not there": ("not_there_at_all:app", "or name that directory in PYTHONPATH"),
    "an attribute that is not there": ("served_module:missing", "What it has: real"),
    "a number": ("served_module:number", "served_module:number is of type int, no application"),
}


@pytest.mark.parametrize(("name", "said"), APPLICATIONS.values(), ids=APPLICATIONS)
def test_an_application_that_cannot_be_named(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served_module.py").write_text("from fastapi import FastAPI\nreal = FastAPI()\nnumber = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as ended:
        check_application(name)
    assert said in str(ended.value.code)
    assert "\n" not in str(ended.value.code)


def test_what_an_application_raises_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        check_application("broken_module:app")


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EADDRINUSE, "another --port"), (errno.EADDRNOTAVAIL, "--host is one of its own"), (errno.EACCES, "1024")],
)
def test_an_address_that_cannot_be_listened_on(number: int, said: str) -> None:
    told = listening_error(OSError(number, os.strerror(number)), "127.0.0.1", 80)
    assert told.startswith("cannot listen on 127.0.0.1 port 80: ")
    assert said in told


def test_a_host_that_is_not_known() -> None:
    assert "--host is an address of this machine" in listening_error(socket.gaierror(-2, "not known"), "a.example", 80)


SETTINGS = {
    "BROADCAST_URL": {"broadcast_url": "nats://:hunter2@h"},
    "PATTERN_STACK_DATABASE_URL": {"database_url": "sqlite:///hunter2.db"},
    "PATTERN_STACK_FLEET_REDIS_URL": {"fleet_redis_url": "redis://:hunter2@h:port"},
}


def test_the_variable_that_was_set_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROADCAST_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "localhost")
    with pytest.raises(InvalidURL, match=r"^REDIS_URL: "):
        create_app()


def test_an_origin_that_cannot_be_names_its_setting() -> None:
    with pytest.raises(InvalidSetting, match=r"^PATTERN_STACK_ORIGINS: 'app\.example' is no origin"):
        create_app(Settings(origins=["app.example"]))


@pytest.mark.parametrize("count", ["x", "0", "-1", "2.5", ""])
def test_a_number_of_workers_that_cannot_be(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", count)
    with pytest.raises(SystemExit, match="WEB_CONCURRENCY is the number of processes that serve"):
        serve("main:app", "127.0.0.1", 0)


@pytest.mark.parametrize(("variable", "setting"), SETTINGS.items(), ids=SETTINGS)
def test_a_url_that_cannot_be_used_names_its_setting(variable: str, setting: dict[str, str]) -> None:
    with pytest.raises(InvalidURL, match=f"^{variable}: ") as raised:
        create_app(Settings(**setting))  # type: ignore[arg-type]
    assert "hunter2" not in str(raised.value)
