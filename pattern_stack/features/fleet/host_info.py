"""What a computer shows of itself."""

import getpass
import os
import re
import socket
from functools import cache
from typing import Any

from pattern_stack.features.fleet.errors import InvalidComputer
from pattern_stack.features.fleet.models import COMPUTER_NAME


def computer_name(given: str | None) -> str:
    """The name, or the host's where none is given. Raises InvalidComputer."""
    if not given:
        return re.sub(r"[^A-Za-z0-9_.@-]", "-", socket.gethostname())[:100] or "computer"
    if not re.fullmatch(COMPUTER_NAME, given):
        raise InvalidComputer(f"a computer's name is 1 to 100 characters of A-Z a-z 0-9 _ . @ -, not {given!r:.120}")
    return given


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
