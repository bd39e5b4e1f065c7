"""Whose process is at the other end of a Unix socket."""

import os
import socket
from struct import Struct

_CREDENTIALS = Struct("3i")


def credentials(line: socket.socket) -> tuple[int, int] | None:
    """Process and user at the other end; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, uid, _ = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return pid, uid


def is_own_user(line: socket.socket) -> bool:
    """Whether it is a process of this user, as far as the system tells; the folder of the socket keeps others out too."""
    found = credentials(line)
    return found is None or found[1] == os.getuid()
