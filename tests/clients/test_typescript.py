"""The TypeScript client: its types, its lint, its build and its own tests, which speak to real servers."""

import os
import subprocess

import pytest

from tests.support.process import BIN, ROOT
from tests.support.programs import program

PACKAGE = ROOT / "clients" / "typescript"


def test_npm_run_check() -> None:
    command = [program("npm"), "run", "--silent", "check"]
    if not (PACKAGE / "node_modules").exists():
        pytest.fail("what the TypeScript client is built with is not there: make client", pytrace=False)
    environment = {**os.environ, "PATTERN_STACK": str(BIN / "pattern-stack"), "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=PACKAGE, capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
