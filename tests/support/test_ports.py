"""Ports that nobody else is given."""

import subprocess
import sys

from tests.support.ports import free_port
from tests.support.process import ROOT

_ALL_IT_GETS = "from tests.support.ports import free_port; print(*(free_port() for _ in range(300)))"


def test_two_processes_never_get_the_same() -> None:
    mine = {free_port() for _ in range(300)}
    said = subprocess.run([sys.executable, "-c", _ALL_IT_GETS], cwd=ROOT, capture_output=True, text=True, check=True)
    others = {int(port) for port in said.stdout.split()}
    assert len(mine) > 100
    assert len(others) > 100
    assert not mine & others
