"""What a frame is refused with."""

from typing import NoReturn

from pattern_stack.atoms.broadcast.websocket.frames import Frame

Id = int | str | None
"""A client's own name for a frame: it is on the answer."""


class CommandError(Exception):
    """A frame, or one channel of it, that is not carried out; the connection stays open."""

    def __init__(
        self, code: str, message: str, id: Id = None, channel: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id
        self.channel = channel
        self.retry_after = retry_after
        """Seconds after which the client may ask again."""


class ErrorFrame(Frame):
    """What tells a client of an error."""

    __slots__ = ("tells",)

    def __init__(self, data: bytes, code: str) -> None:
        super().__init__(data)
        self.tells = (("refused", code),)


def refuse_frame(message: str) -> NoReturn:
    """Refuse the whole frame: it has a wrong form."""
    raise CommandError("invalid_message", message)
