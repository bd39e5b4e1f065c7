"""What a computer shows of itself beside its name."""

import getpass
import os
import socket
from functools import cache
from typing import Any


def host_info(role: str | None) -> dict[str, Any]:
    """user, host, role and system_stats {cpus, load}: the load averages of 1, 5 and 15 minutes, where the system has them."""
    stats: dict[str, Any] = {"cpus": os.cpu_count()}
    if hasattr(os, "getloadavg"):
        stats["load"] = [round(load, 2) for load in os.getloadavg()]
    return {"user": _user(), "host": _short(socket.gethostname()), "role": role, "system_stats": stats}


@cache
def _user() -> str | None:
    try:
        return _short(getpass.getuser())
    except (KeyError, OSError):  # a user id without a name, as containers have
        return None


def _short(name: str) -> str:
    """As a record takes it: UTF-8 of bounded length, whatever the environment holds."""
    return name.encode(errors="replace").decode()[:1_000]
