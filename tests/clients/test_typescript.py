"""Runs the TypeScript client's own checks: types, lint, build, and its tests against real servers."""

import os
import signal
import subprocess
from contextlib import suppress

import pytest

from tests.support import reaper
from tests.support.patience import PATIENCE
from tests.support.process import BIN, ROOT
from tests.support.programs import program

PACKAGE = ROOT / "clients" / "typescript"


def test_npm_run_check() -> None:
    npm = program("npm")
    if not (PACKAGE / "node_modules").exists():
        pytest.fail("the TypeScript client's packages are not installed: run `make client`", pytrace=False)
    environment = {**os.environ, "PATTERN_STACK": str(BIN / "pattern-stack"), "NO_COLOR": "1"}
    check = subprocess.Popen(
        [npm, "run", "--silent", "check"],
        cwd=PACKAGE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    reaper.watch(check.pid)
    try:
        output, _ = check.communicate(timeout=10 * PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(check.pid, signal.SIGKILL)
        reaper.forget(check.pid)
    if check.returncode:
        pytest.fail(output, pytrace=False)
