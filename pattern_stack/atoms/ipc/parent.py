"""A process by its number and when it began: numbers are given again."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple


class Parent(NamedTuple):
    pid: int
    began: str

    def lives(self) -> bool:
        return began(self.pid) == self.began


def began(pid: int) -> str | None:
    """When this process began, in the system's own words; None where there is none of this number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _began_elsewhere(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def _began_elsewhere(pid: int) -> str | None:
    """Where there is no /proc, as on macOS."""
    environment = {**os.environ, "LC_ALL": "C"}
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - our own words
    return found.stdout.strip() or None
