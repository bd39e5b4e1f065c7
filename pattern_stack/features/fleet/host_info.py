"""What a computer tells of itself beside its name."""

import getpass
import os
import socket
from functools import cache
from typing import Any


def about(role: str | None) -> dict[str, Any]:
    """user, host, role and system_stats {cpus, load}: the averages of 1, 5 and 15 minutes, where the system has them."""
    stats: dict[str, Any] = {"cpus": os.cpu_count()}
    if hasattr(os, "getloadavg"):
        stats["load"] = [round(load, 2) for load in os.getloadavg()]
    return {"user": _user(), "host": socket.gethostname(), "role": role, "system_stats": stats}


@cache
def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as containers have
        return None
