"""Starts the broker: one at a time, under a lock that it then holds itself."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import orjson

from pattern_stack.atoms.ipc.broker.life import holds, lock_path
from pattern_stack.atoms.ipc.rendezvous import Meeting

_PROGRAM = Path(__file__).with_name("broker") / "start.py"


def start_broker(meeting: Meeting) -> None:
    """Start it, unless one runs or is being started. It outlives this process. It takes 20 ms to return, and the broker
    about 100 ms to be there. Raises OSError."""
    lock = _take(lock_path(meeting.path))
    if lock is None:
        return
    try:
        _sweep(meeting.path.parent, lock_path(meeting.path))
        _start(meeting, lock)
    finally:
        os.close(lock)  # the broker has its own


def _take(path: Path) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if not holds(lock, path):  # its broker ended between the two calls, and took the file away
        os.close(lock)
        return None
    return lock


def _start(meeting: Meeting, lock: int) -> None:
    pid, began = meeting.parent or (0, "")
    command = [sys.executable, "-E", "-S", str(_PROGRAM), str(meeting.path), str(lock), str(pid), began, *_folders()]
    done = subprocess.run(  # noqa: S603 - our own program, which goes on in a child of its own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock],
        start_new_session=True,
        cwd="/",
        check=False,
    )
    if done.returncode:
        raise OSError(f"the workers' broker does not start: {sys.executable} ends with status {done.returncode}")


def _folders() -> list[str]:
    """Where the broker finds what it imports beside the standard library."""
    return [str(Path(orjson.__file__).resolve().parents[1])]


def _sweep(folder: Path, own: Path) -> None:
    """Take away what brokers left behind that were killed with all their workers."""
    if not folder.name.startswith("pattern-stack"):
        return
    for path in folder.glob("*.lock"):
        if path != own and (lock := _take(path)) is not None:
            path.with_suffix("").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            os.close(lock)
