"""How a connection sees its socket, whatever writes to it."""

from typing import Protocol

from pattern_stack.atoms.broadcast.outbox import Way

EXTENSION = "pattern_stack.frames"
"""The key of the ASGI extension with which a server offers a lane of its own (fastlane.py)."""


class Lane(Way, Protocol):
    """The socket, as a connection sees it."""

    @property
    def taken(self) -> int:
        """Grows as the peer takes what was written; in which unit, is the lane's affair."""

    def resume_reading(self) -> None:
        """Messages are wanted again, after `full` stopped them."""

    def abort(self) -> None:
        """Be rid of it now, whatever is unsent."""

    def expire(self, seconds: float) -> None:
        """Abort it where it has not ended by then."""
