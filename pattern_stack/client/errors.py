"""What a client raises, and what it makes of the codes that a server sends."""

from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.errors import (
    BroadcastError,
    BroadcastUnavailable,
    Forbidden,
    InvalidChannel,
    NotFound,
    Rejected,
    Unauthenticated,
)

TEMPORARY = frozenset({"unavailable", "rate_limited"})
"""Codes of errors after which the same may work."""
FINAL = frozenset({1002, 1007, 1008, 1009, 4403})
"""Codes of closes after which another connection would end the same way."""
EXPIRED = 4401

_ERRORS: dict[str, type[BroadcastError]] = {
    "forbidden": Forbidden,
    "not_found": NotFound,
    "unauthenticated": Unauthenticated,
    "invalid_channel": InvalidChannel,
    "unavailable": BroadcastUnavailable,
}


class Reset(BroadcastError):
    """Events of the channel may be missing: read its state again, and go on. The next `listen` goes on from `position`."""

    def __init__(self, channel: str, position: Position) -> None:
        super().__init__(f"continuity of {channel} was lost; it goes on after {position.epoch}:{position.offset}")
        self.channel = channel
        self.position = position


class Closed(Exception):
    """A connection ended, with this code and reason."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class NotOpened(Exception):
    """No connection came about; another try may succeed."""

    def __init__(self, reason: str, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_missing = 400 <= status < 500 and status != 429
        """Something answers there that is no broadcast endpoint."""


def refusal_of(code: str, message: str, channel: str | None = None) -> BroadcastError:
    """For the error that refuses a channel, or a whole connection."""
    text = f"{code}: {message}"
    return _ERRORS.get(code, BroadcastError)(f"{channel}: {text}" if channel else text)


def rejection_of(code: str, message: str) -> BroadcastError:
    """For the error that answers a command."""
    kind = {"forbidden": Forbidden, "not_found": NotFound, "unauthenticated": Unauthenticated}.get(code)
    return kind(message) if kind else Rejected(code, message)


def final_close(closed: Closed) -> BroadcastError:
    kind = {4403: Forbidden, 4401: Unauthenticated}.get(closed.code, BroadcastError)
    return kind(f"the server closed the connection for good: {closed}")
