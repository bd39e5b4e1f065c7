"""The broker process of some workers: found by its socket, and killed."""

import os
import signal
import socket
from pathlib import Path

from pattern_stack.atoms.ipc.peers import credentials
from tests.support.eventually import eventually


def broker_pid(path: Path) -> int | None:
    """None where nobody listens."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
        except OSError:
            return None
        found = credentials(line)
    assert found
    return found[0]


def kill_broker(path: Path) -> None:
    """Once there is one. It is dead then."""
    pid = 0

    def found() -> int:
        nonlocal pid
        pid = broker_pid(path) or 0
        return pid

    eventually(found, "there is no broker")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), "the broker lives")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(path: Path, pid: int) -> bool:
    """The process is gone, and so are its files."""
    return not is_alive(pid) and not path.exists() and not path.with_name(f"{path.name}.lock").exists()
