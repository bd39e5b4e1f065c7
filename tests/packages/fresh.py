"""Environments with nothing in them but what a package brings."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE
from tests.support.process import ROOT

CLEAN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


class Fresh:
    """A virtual environment in `directory` with `requirement`, whose versions are those of constraints.txt."""

    def __init__(self, directory: Path, requirement: str) -> None:
        self.directory = directory
        self.bin = directory / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", directory / "venv"], check=True)
        pip = [self.bin / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", ROOT / "constraints.txt", requirement], check=True, env=CLEAN)

    def run(self, code: str, *words: str) -> str:
        """What the program prints. It runs in `directory`, so that it finds the installed package alone."""
        return run(self.bin / "python", "-c", code, *words, cwd=self.directory)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=CLEAN, capture_output=True, text=True, timeout=5 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
