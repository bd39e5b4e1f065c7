"""`make test` brings what the tests run, or says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="it is apt-get that stands in here for a system's packages"
)

_FAKES = {
    "redis-server": 'echo "Redis server v=7.0.15 sha=0"',
    "postgresql": "",
    "haproxy": "",
    "nginx": "",
    "chromium": "",
    "openssl": "",
    "npm": "",
    "apt-get": "",
    "id": "echo 1000",
    "sudo": "exit 1",
}


class System:
    """A machine with these programs: scripts that do as they are told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name, script in _FAKES.items():
            self.put(name, script)

    def put(self, name: str, script: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def lacks(self, *names: str) -> None:
        for name in names:
            (self.directory / name).unlink()

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        named = {
            name.upper().replace("-", "_"): str(self.directory / name)
            for name in ("redis-server", "postgresql", "haproxy", "nginx", "chromium", "openssl")
        }
        clean = {name: value for name, value in os.environ.items() if name not in ("CI", "SKIP_MISSING")}
        path = f"{self.directory}:{os.environ['PATH']}"
        return subprocess.run(
            [ROOT / ".ci" / "system", *arguments],
            env={**clean, **named, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_where_all_is_there_it_says_nothing(system: System) -> None:
    result = system.run(CI="1")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert system.run("find", "haproxy").stdout == f"{system.directory}/haproxy\n"


def test_who_may_not_install_is_told_what_and_how(system: System) -> None:
    system.lacks("haproxy", "chromium")
    result = system.run()
    assert result.returncode == 1
    assert "Missing: haproxy chromium\n" in result.stderr
    assert "apt-get install haproxy chromium\n" in result.stderr
    assert system.run("find", "haproxy").returncode == 1


def test_who_may_has_it_installed(system: System) -> None:
    system.lacks("haproxy", "chromium")
    installs = "cp openssl haproxy; cp openssl chromium"
    system.put("sudo", f'cd {system.directory}; [ "$*" = "-n true" ] || {{ {installs}; printf %s "$*" >asked; }}')
    result = system.run(CI="1")
    assert result.returncode == 0
    assert result.stderr == "Installing from the system's packages: haproxy chromium ...\n"
    assert (system.directory / "asked").read_text() == "-n bash .ci/apt haproxy chromium"


def test_why_it_could_not_be_installed_is_shown(system: System) -> None:
    system.lacks("haproxy")
    system.put("sudo", '[ "$*" = "-n true" ] || { echo "E: no network"; exit 100; }')
    result = system.run()
    assert result.returncode == 1
    assert "E: no network" in result.stderr
    assert "Missing: haproxy\n" in result.stderr


def test_one_may_go_on_without_but_not_in_ci(system: System) -> None:
    system.lacks("haproxy")
    result = system.run(SKIP_MISSING="1")
    assert (result.returncode, result.stderr) == (0, "Going on without haproxy: tests that need it are skipped.\n")
    assert system.run("find", "haproxy", SKIP_MISSING="1").returncode == 77
    assert system.run("find", "openssl", SKIP_MISSING="1").returncode == 0
    assert system.run(SKIP_MISSING="1", CI="1").returncode == 1
    assert system.run("find", "haproxy", SKIP_MISSING="1", CI="1").returncode == 1


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("Redis server v=6.0.16 sha=0", 1),
        ("Redis server v=5.0.14", 1),
        ("Redis server v=6.2.0", 0),
        ("Redis server v=10.0.1", 0),
        ("Valkey server v=8.1.1 sha=0", 0),
        ("", 1),
    ],
)
def test_redis_is_as_old_as_6_2_at_most(system: System, says: str, code: int) -> None:
    system.put("redis-server", f"echo '{says}'")
    result = system.run()
    assert result.returncode == code
    assert ("Redis 6.2 or later is needed" in result.stderr) == bool(code)


_NEEDS_HAPROXY = """
from tests.support.programs import program

def test_needs_it():
    program("haproxy")
"""


def test_a_test_that_lacks_its_program_fails_or_says_that_it_was_skipped(system: System, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(_NEEDS_HAPROXY)

    def run(**environment: str) -> str:
        clean = {name: value for name, value in os.environ.items() if name not in ("CI", "SKIP_MISSING")}
        return subprocess.run(
            [sys.executable, "-m", "pytest", tmp_path / "test_one.py", "-c", ROOT / "pyproject.toml", "-q"],
            cwd=ROOT,
            env={**clean, "HAPROXY": "/nowhere/haproxy", **environment},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    failed = run()
    assert "1 failed" in failed
    assert "haproxy is missing: `make system` installs it" in failed
    skipped = run(SKIP_MISSING="1")
    assert "1 skipped" in skipped
    assert "haproxy is missing, and SKIP_MISSING says to go on without" in skipped
    assert "1 failed" in run(SKIP_MISSING="1", CI="1")
