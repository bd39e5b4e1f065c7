"""Where the real programs are that tests run."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.support.process import ROOT

_MAY_BE_SKIPPED = 77


@cache
def program(name: str) -> Path:
    """Its path. Without it the test fails; or is skipped, where SKIP_MISSING allows that."""
    found = subprocess.run([ROOT / ".ci" / "system", "find", name], capture_output=True, text=True, check=False)
    if found.returncode == _MAY_BE_SKIPPED:
        pytest.skip(f"{name} is missing, and SKIP_MISSING says to go on without")
    if found.returncode:
        pytest.fail(f"{name} is missing: `make system` installs it, or says how. {found.stderr}", pytrace=False)
    return Path(found.stdout.strip())
