"""Ports for servers that have to be told theirs."""

import itertools
import os
import socket

_FIRST, _COUNT = 12_000, 10_000
_numbers = itertools.count(os.getpid() * 101)


def free_port(*, bus: bool = False) -> int:
    """A loopback port that nobody has; with `bus` the one 10,000 above it is free, too.

    It stays free while its server is down: the system hands out none this low, and this process gives none twice.
    """
    for number in itertools.islice(_numbers, _COUNT):
        port = _FIRST + number % _COUNT
        if _is_free(port) and (not bus or _is_free(port + 10_000)):
            return port
    raise OSError("there is no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
