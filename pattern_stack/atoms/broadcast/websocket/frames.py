"""Ready messages: what an outbox takes and a lane writes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pattern_stack.atoms.broadcast.websocket.deflate import TAIL, deflate, deflated_segment

_CHUNK_BYTES = 65_536
_FINAL = 0x80
_TEXT = 0x81
_COMPRESSED = 0x40
_CONTINUATION = 0x00


class Frame:
    """One text message. It is encoded once, and deflated once, however many connections it goes to."""

    __slots__ = ("_deflated", "_text", "data")

    events = 0
    """1 where it is an event, and no snapshot, reply or error."""
    tells: Sequence[tuple[str, str]] = ()
    """What else counts when it is written: counters, each with a label. See core/counters.py."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None
        self._deflated: bytes | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.data.decode()
        return self._text

    @property
    def wire(self) -> bytes:
        """As a whole WebSocket frame, as a server sends it."""
        return _framed(_TEXT, self.data)

    @property
    def size(self) -> int:
        """Bytes of its data."""
        return len(self.data)

    def fragments(self, deflating: bool) -> Iterator[bytes]:
        """The same in fragments of at most 64 KiB, each a WebSocket frame of its own. Compressed, it is one."""
        if deflating:
            yield self.deflated
        else:
            yield from _fragmented(_TEXT, [self.data])

    def slices(self) -> Iterator[bytes]:
        """Its data, at most 64 KiB at a time."""
        return map(bytes, _sliced([self.data]))

    @property
    def deflated(self) -> bytes:
        """The same, compressed where that makes it shorter."""
        if self._deflated is None:
            shorter = deflate(self.data)
            self._deflated = self.wire if shorter is None else _framed(_TEXT | _COMPRESSED, shorter)
        return self._deflated


def _framed(first: int, data: bytes) -> bytes:
    """Final and unmasked (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return b"%c%c%b" % (first, size, data)
    if size < 65_536:
        return b"%c\x7e%b%b" % (first, size.to_bytes(2), data)
    return b"%c\x7f%b%b" % (first, size.to_bytes(8), data)


def _fragmented(first: int, parts: Sequence[bytes]) -> Iterator[bytes]:
    """One message (RFC 6455, 5.4). Control frames may stand between any two of its fragments."""
    opcode, waiting = first & ~_FINAL, memoryview(b"")
    for piece in _sliced(parts):
        if waiting:
            yield _framed(opcode, bytes(waiting))
            opcode = _CONTINUATION
        waiting = piece
    yield _framed(opcode | _FINAL, bytes(waiting))


def _sliced(parts: Iterable[bytes]) -> Iterator[memoryview]:
    for part in parts:
        for at in range(0, len(part), _CHUNK_BYTES):
            yield memoryview(part)[at : at + _CHUNK_BYTES]


class Shared:
    """JSON that is encoded already: what several messages have in common is held once, and compressed once."""

    __slots__ = ("_deflated", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._deflated: bytes | None = None

    @property
    def deflated(self) -> bytes:
        if self._deflated is None:
            self._deflated = deflated_segment(self.data)
        return self._deflated


Part = bytes | Shared


def size_of(parts: Sequence[Part]) -> int:
    return sum(len(part.data) if isinstance(part, Shared) else len(part) for part in parts)


def fragments_of(parts: Sequence[Part], deflating: bool) -> Iterator[bytes]:
    """A message in parts, in fragments of at most 64 KiB."""
    if not deflating:
        return _fragmented(_TEXT, _plain(parts))
    segments = [part.deflated if isinstance(part, Shared) else deflated_segment(part) for part in parts]
    segments[-1] = segments[-1].removesuffix(TAIL)
    return _fragmented(_TEXT | _COMPRESSED, segments)


def slices_of(parts: Sequence[Part]) -> Iterator[bytes]:
    """The data of a message in parts, at most 64 KiB at a time."""
    return map(bytes, _sliced(_plain(parts)))


def _plain(parts: Sequence[Part]) -> list[bytes]:
    return [part.data if isinstance(part, Shared) else part for part in parts]


def control(opcode: int, data: bytes) -> bytes:
    """A whole close, ping or pong frame; its data has at most 125 bytes."""
    return _framed(_FINAL | opcode, data)


class Batch:
    """Frames that leave together, in this order; shared by all the connections they go to."""

    __slots__ = ("_deflated", "_size", "_tally", "_wire", "frames", "streamed")

    ephemeral = False
    """Whoever cannot take it at once never gets it."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self.streamed: Any = None
        """What event streams of this one channel are sent: made by the first of them (transports/sse/wire.py)."""
        self._size: int | None = None
        self._tally: tuple[int, int, Sequence[tuple[str, str]]] | None = None
        self._wire: bytes | None = None
        self._deflated: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of all the frames' data."""
        if self._size is None:
            frames = self.frames  # most often one
            self._size = frames[0].size if len(frames) == 1 else sum([frame.size for frame in frames])
        return self._size

    @property
    def tally(self) -> tuple[int, int, Sequence[tuple[str, str]]]:
        """How many of the frames are events, the bytes of these, and what else they count for."""
        if self._tally is None:
            if len(self.frames) == 1:
                (frame,) = self.frames
                self._tally = (frame.events, len(frame.data) if frame.events else 0, frame.tells)
                return self._tally
            events, size, tells = 0, 0, list[tuple[str, str]]()
            for frame in self.frames:
                if frame.events:
                    events += 1
                    size += len(frame.data)
                tells += frame.tells
            self._tally = (events, size, tells)
        return self._tally

    @property
    def wire(self) -> bytes:
        """All of them as WebSocket frames: joined once, for all the connections they go to."""
        if self._wire is None:
            frames = self.frames
            self._wire = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
        return self._wire

    def fragments(self, deflating: bool) -> Iterator[bytes]:
        """The same in fragments of at most 64 KiB: for what is too long to be held for each connection."""
        for frame in self.frames:
            yield from frame.fragments(deflating)

    @property
    def deflated(self) -> bytes:
        """The same for the connections that asked for compression."""
        if self._deflated is None:
            self._deflated = b"".join([frame.deflated for frame in self.frames])
        return self._deflated


class EphemeralBatch(Batch):
    """Frames that are left out for whoever cannot take them at once."""

    __slots__ = ()

    ephemeral = True


def chunks(frames: Sequence[Frame]) -> Iterator[Batch]:
    """As much at a time as a transport likes to be given, so that it can pace what is long."""
    chunk: list[Frame] = []
    size = 0
    for frame in frames:
        if size + frame.size > _CHUNK_BYTES and chunk:
            yield Batch(chunk)
            chunk, size = [], 0
        chunk.append(frame)
        size += frame.size
    yield Batch(chunk)
