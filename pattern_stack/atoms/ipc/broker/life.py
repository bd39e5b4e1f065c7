"""How long the broker lives: as long as a worker is there, and a moment longer."""

import os
from pathlib import Path

from pattern_stack.atoms.ipc.parent import Parent

GRACE_SECONDS = 1.0
RELOAD_SECONDS = 30.0
_TOUCH_SECONDS = 3_600.0


class Life:
    """Over the files of a broker: its socket, and the lock that it holds. It ends where one of them was taken away."""

    def __init__(self, path: Path, lock: int, parent: Parent | None) -> None:
        self._path = path
        self._lock = lock
        self._lock_path = lock_path(path)
        self._parent = parent
        self._socket_id = path.stat().st_ino
        self._last_used: float | None = None
        self._touched = 0.0

    def goes_on(self, now: float, *, used: bool) -> bool:
        """Without a worker for 1 s it ends; for 30 s, where the server that starts workers is still there."""
        if used or self._last_used is None:
            self._last_used = now
        unused = now - self._last_used
        waits = unused < GRACE_SECONDS or (
            unused < RELOAD_SECONDS and self._parent is not None and self._parent.lives()
        )
        return waits and self._has_files(now)

    def _has_files(self, now: float) -> bool:
        try:
            if now - self._touched > _TOUCH_SECONDS:  # what cleans temporary folders goes by age
                self._touched = now
                os.utime(self._path)
                os.utime(self._lock_path)
            return self._path.stat().st_ino == self._socket_id and holds(self._lock, self._lock_path)
        except FileNotFoundError:
            return False

    def end(self) -> None:
        """The files are gone, if they are this broker's."""
        try:
            if not holds(self._lock, self._lock_path):
                return
            if self._path.stat().st_ino == self._socket_id:
                self._path.unlink()
        except FileNotFoundError:
            pass
        self._lock_path.unlink(missing_ok=True)


def lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def holds(lock: int, path: Path) -> bool:
    """Whether the file that is open, and locked, is the one that has this name now."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(lock)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
