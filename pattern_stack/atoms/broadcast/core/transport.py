"""A socket, as its connection and its outbox see it."""

from collections.abc import Callable
from typing import Protocol

from pattern_stack.atoms.broadcast.websocket.frames import Batch


class Transport(Protocol):
    """Writes to one socket. transports/ has one for uvicorn's sockets and one for every ASGI server."""

    @property
    def write_prepared(self) -> Callable[[bytes], None] | None:
        """Fast path: `write_prepared(batch.wire)` is equivalent to `write(batch)`. None where there is no such path."""

    def write(self, batch: Batch) -> bool:
        """Send it. A transport that cannot take more for now calls `Outbox.pause` first, and `resume` later.

        Returns whether it is written now. If not, the transport calls `wrote` of its connection for what it has written."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what was written. Frames that are not on their way yet may be left out."""

    lane: str
    """`websocket` or `stream`."""
    queued: bool
    """Frames wait in a queue of the server before they reach the connection."""

    @property
    def taken(self) -> int:
        """Grows as the peer takes what was written. The unit is the transport's own."""

    def resume_reading(self) -> None:
        """Read messages again, after `Connection.full` stopped it."""

    def abort(self) -> None:
        """Drop the socket now, with whatever is unsent."""

    def expire(self, seconds: float) -> None:
        """Abort the socket unless it has ended within so many seconds."""
