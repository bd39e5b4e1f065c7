"""Ports for servers that have to be told theirs."""

import itertools
import socket

_FIRST, _LAST, _SHARE = 12_000, 22_000, 200


def free_port(*, bus: bool = False) -> int:
    """A loopback port that nobody has; with `bus` the one 10,000 above it is free, too.

    It stays free while its server is down: the system hands out none this low, no other test process has it in its
    share, and this one gives it again only after all the others of its share.
    """
    for number in itertools.islice(_numbers, _SHARE):
        if _is_free(number) and (not bus or _is_free(number + 10_000)):
            return number
    raise OSError("there is no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        return _binds(one, port)


def _binds(one: socket.socket, port: int) -> bool:
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _claim() -> tuple[socket.socket, range]:
    """The ports of a share, and what keeps them for this process: the UDP port of the first, which nobody else wants."""
    for first in range(_FIRST, _LAST, _SHARE):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        if _binds(claim, first):
            return claim, range(first, first + _SHARE)
        claim.close()
    raise OSError("other test processes have all ports")


_held, _share = _claim()  # at once: tests count what is open
_numbers = itertools.cycle(_share)
