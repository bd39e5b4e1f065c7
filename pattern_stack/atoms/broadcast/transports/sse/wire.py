"""Frames as Server-Sent Events: `data` is the frame, `id` the positions that the client has reached with it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from pattern_stack.atoms.broadcast.core.bookmark import moves_of, text_of
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.transports.sse.straight import chunk
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame, chunks

COMMENT = b":\n\n"
"""It means nothing. Proxies see that the stream lives, and the server finds out whether the client does."""
PIECE_BYTES = 65_536
_END = b"\n\n"


class Streamed(NamedTuple):
    """Events of one channel, as every stream that is on it alone gets them: framed once."""

    channel: str
    position: Position
    data: bytes
    chunk: bytes


class Wire:
    """What one stream is sent."""

    __slots__ = ("_alone", "_latest", "_reached")

    def __init__(self) -> None:
        self._reached: dict[str, Position] = {}
        self._alone: str | None = None
        """The stream's channel, where it has one position."""
        self._latest: Streamed | None = None
        """What that channel has reached since `_reached` was written."""

    def pieces(self, batch: Batch) -> Iterator[tuple[bytes, Batch | None]]:
        """The batch as bytes, 64 KiB or little more at a time, so that a client that reads slowly is seen to read; with each
        piece, the frames that it ends."""
        for part in chunks(batch.frames) if batch.size > PIECE_BYTES else (batch,):
            if part.size <= PIECE_BYTES:
                yield self._encode(part), part
            else:
                yield from self._in_pieces(part)

    def chunk(self, batch: Batch) -> bytes:
        """The whole batch as a chunk of HTTP/1.1."""
        streamed = self._streamed(batch)
        return chunk(self._join(batch)) if streamed is None else streamed.chunk

    def _encode(self, batch: Batch) -> bytes:
        streamed = self._streamed(batch)
        return self._join(batch) if streamed is None else streamed.data

    def _streamed(self, batch: Batch) -> Streamed | None:
        """None where the ids of this stream name other channels, too, or frames of the batch are no events of one channel."""
        streamed: Streamed | None = batch.streamed or _streamed(batch)
        if streamed is None or streamed.channel != self._alone:
            return None
        self._latest = streamed
        return streamed

    def _in_pieces(self, batch: Batch) -> Iterator[tuple[bytes, Batch | None]]:
        """Of one long frame. None of them holds a copy of the whole."""
        (frame,) = batch.frames
        yield self._head(frame), None
        for piece in frame.slices():
            yield piece, None
        yield _END, batch

    def _join(self, batch: Batch) -> bytes:
        return b"".join([self._head(frame) + frame.data + _END for frame in batch.frames])

    def _head(self, frame: Frame) -> bytes:
        """What stands before its data. An id, where it moves the stream."""
        if self._latest is not None:
            self._reached[self._latest.channel] = self._latest.position
            self._latest = None
        moves = dict(moves_of(frame))
        for channel, position in moves.items():
            if position is not None:
                self._reached[channel] = position
            else:
                self._reached.pop(channel, None)
        self._alone = next(iter(self._reached)) if len(self._reached) == 1 else None
        return _head(self._reached if moves else None)


def _head(reached: Mapping[str, Position] | None) -> bytes:
    return b"data: " if reached is None else b"id: %b\ndata: " % text_of(reached).encode()


def _streamed(batch: Batch) -> Streamed | None:
    """Made by the first stream that asks. What the hub fans out is of one channel."""
    events = [frame for frame in batch.frames if isinstance(frame, Event)]
    if not events or len(events) < len(batch.frames) or len({event.channel for event in events}) > 1:
        return None
    data = b"".join([_head({event.channel: event.position}) + event.data + _END for event in events])
    streamed = batch.streamed = Streamed(events[-1].channel, events[-1].position, data, chunk(data))
    return streamed


def last_event(code: int, reason: str) -> bytes:
    """What ends a stream. A client that the server sends away for a time is told for how long, in milliseconds."""
    name, _, seconds = reason.partition("=")
    retry = b"retry: %d\n" % round(float(seconds) * 1_000) if name == "retry-after" and _is_number(seconds) else b""
    return b"%bdata: %b\n\n" % (retry, orjson.dumps({"close": {"code": code, "reason": reason}}))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
