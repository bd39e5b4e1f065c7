"""The machine, which tests share with those of other processes, or have alone."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def room(directory: Path, *, alone: bool = False) -> Iterator[None]:
    """Within it nobody is alone in the room of this directory but who asked to be. Waits for that; who comes later does
    not overtake. A process that dies leaves the room."""
    with ExitStack() as inside:
        with _locked(directory / "door"):
            inside.enter_context(_locked(directory / "inside", shared=not alone))
        yield


@contextmanager
def _locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
