"""Ready messages: what an outbox takes and a lane writes."""

from collections.abc import Iterator, Sequence
from functools import cached_property

_CHUNK_BYTES = 65_536


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

    @property
    def wire(self) -> bytes:
        """As a whole WebSocket frame: text, final, unmasked, as a server sends it (RFC 6455, 5.2)."""
        size = len(self.data)
        if size < 126:
            return b"\x81%c%b" % (size, self.data)
        if size < 65_536:
            return b"\x81\x7e%b%b" % (size.to_bytes(2), self.data)
        return b"\x81\x7f%b%b" % (size.to_bytes(8), self.data)


class Batch:
    """Frames that leave together, in this order; shared by all the connections they go to."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames

    @cached_property
    def size(self) -> int:
        """Bytes of all the frames' data."""
        return sum(len(frame.data) for frame in self.frames)

    @cached_property
    def wire(self) -> bytes:
        """All of them as WebSocket frames: joined once, for all the connections they go to."""
        return b"".join([frame.wire for frame in self.frames])


def chunks(frames: Sequence[Frame]) -> Iterator[Batch]:
    """As much at a time as a transport likes to be given, so that it can pace what is long."""
    chunk: list[Frame] = []
    size = 0
    for frame in frames:
        if size + len(frame.data) > _CHUNK_BYTES and chunk:
            yield Batch(chunk)
            chunk, size = [], 0
        chunk.append(frame)
        size += len(frame.data)
    yield Batch(chunk)
