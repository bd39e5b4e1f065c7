"""Ready messages: what an outbox takes and a lane writes."""

from collections.abc import Sequence
from functools import cached_property


class Frame:
    """One text message. It is encoded once, however many connections it goes to."""

    __slots__ = ("_text", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.data.decode()
        return self._text


class Batch:
    """Frames that leave together, in this order; shared by all the connections they go to."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames

    @cached_property
    def size(self) -> int:
        """Bytes of all the frames' data."""
        return sum(len(frame.data) for frame in self.frames)
