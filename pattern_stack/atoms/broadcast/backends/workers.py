"""Whether this process is one of several workers of a server, and their bridge."""

import logging
import socket
from typing import TYPE_CHECKING

from pattern_stack.atoms.broadcast.backends.bridge import Bridge
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.ipc.worker import Worker, this_worker

if TYPE_CHECKING:
    from pattern_stack.atoms.broadcast.backends.ipc import Numbered

logger = logging.getLogger(__name__)

_LOGS = {
    "uvicorn": "uvicorn.error",
    "gunicorn": "gunicorn.error",
    "hypercorn": "hypercorn.error",
    "granian": "_granian",
}
_CURE = 'Give it a bridge that instances share, like broadcast_from_url("redis://..."), or run one worker.'


class Workers:
    """The bridge of a backend that was given none: that of the workers of one server, in one of them.

    It takes its number where it is made: the n-th backend of a process meets the n-th of the other workers.
    """

    def __init__(self, limits: Limits, prefix: str) -> None:
        self._limits = limits
        self._numbered = _numbered(prefix) if hasattr(socket, "AF_UNIX") else None

    def bridge(self) -> Bridge | None:
        """None: this process is no worker, or its system cannot link workers, which is logged."""
        worker = this_worker()
        if worker is None:
            return None
        log = server_log(worker)
        if self._numbered is None:
            if worker.workers != 1:
                log.warning(
                    "This is one of several workers of %s, and they cannot be linked without Unix sockets: clients of this "
                    "worker get no events of the others. %s",
                    worker.server,
                    _CURE,
                )
            return None
        return self._numbered.bridge(worker, self._limits, log)


def warn_of_other_workers() -> None:
    """For a backend that was told to be alone."""
    worker = this_worker()
    if worker and worker.workers > 1:
        server_log(worker).warning(
            "This is one of %d workers of %s, and this backend was made with bridge=None or memory://: clients of this worker "
            "get no events of the others. Leave out bridge=, or use auto://, to link the workers.",
            worker.workers,
            worker.server,
        )


def server_log(worker: Worker) -> logging.Logger:
    """Where the server's own lines go; ours, where that has no handler."""
    log = logging.getLogger(_LOGS[worker.server])
    return log if log.handlers or logging.getLogger("uvicorn").handlers else logger


def _numbered(prefix: str) -> "Numbered":
    from pattern_stack.atoms.broadcast.backends.ipc import Numbered

    return Numbered(prefix)
