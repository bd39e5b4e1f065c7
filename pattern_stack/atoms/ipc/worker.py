"""Whether this process is a worker of a server, by the server's own marks, and what all workers of that server know alike."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any, NamedTuple

from pattern_stack.atoms.ipc.parent import Parent, began


class Worker(NamedTuple):
    server: str
    """Its name, like uvicorn."""
    parent: Parent
    application: tuple[str, ...]
    """The same in all workers of one server, and another one for another application."""
    workers: int
    """How many workers the server was told to have; 0 where it does not say."""


def this_worker() -> Worker | None:
    """None: a process of its own. A child that the application itself began with multiprocessing is that too."""
    return _of_multiprocessing() or _of_gunicorn()


def by_parent() -> tuple[Parent, tuple[str, ...]]:
    """What processes of one parent that were begun with the same command know alike."""
    pid = os.getppid()
    return Parent(pid, began(pid) or ""), tuple(sys.argv)


def _of_multiprocessing() -> Worker | None:
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return None
    process = multiprocessing.current_process()
    target = getattr(process, "_target", None)
    server = (getattr(target, "__module__", None) or "").partition(".")[0]
    about: Mapping[str, Any] = getattr(process, "_kwargs", {})
    config = about.get("config")
    if process.name == "granian-worker":
        server, config = "granian", None
    elif server not in ("uvicorn", "hypercorn") or config is None:
        return None
    _ = getattr(config, "log", None)  # hypercorn sets its logger up when it is first asked for
    names = ("app", "application_path", "host", "port", "uds", "fd", "bind")
    application = [str(getattr(config, name, "")) for name in names]
    since = Parent(parent.pid, began(parent.pid) or "")
    return Worker(server, since, (*sys.argv, *application), getattr(config, "workers", 0) or 0)


def _of_gunicorn() -> Worker | None:
    """Its worker is forked deep inside of its arbiter, and runs there to its end."""
    arbiter_class = getattr(sys.modules.get("gunicorn.arbiter"), "Arbiter", None)
    if arbiter_class is None or multiprocessing.parent_process() is not None:
        return None
    frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "spawn_worker" and isinstance(frame.f_locals.get("self"), arbiter_class):
            arbiter = frame.f_locals["self"]
            parent = Parent(arbiter.pid, began(arbiter.pid) or "")
            return Worker("gunicorn", parent, (*sys.argv, *map(str, arbiter.address)), arbiter.num_workers)
        frame = frame.f_back
    return None
