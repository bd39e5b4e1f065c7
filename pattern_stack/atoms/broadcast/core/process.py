"""What has to be another one in each process: drawn when it is first needed, and anew in a child of a fork."""

import os
import secrets


class _Forks:
    count = 0


def _count_fork() -> None:
    _Forks.count += 1


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_count_fork)


def generation() -> int:
    """Grows in a child of a fork. What was drawn in another generation belongs to another process."""
    return _Forks.count


class ProcessToken:
    """A random name of this process: `str()` of it. A server that loads an application and then forks has one a worker."""

    __slots__ = ("_bytes", "_generation", "_value")

    def __init__(self, bytes: int) -> None:
        self._bytes = bytes
        self._generation = -1
        self._value = ""

    def __str__(self) -> str:
        if self._generation != generation():
            self._generation, self._value = generation(), secrets.token_hex(self._bytes)
        return self._value
