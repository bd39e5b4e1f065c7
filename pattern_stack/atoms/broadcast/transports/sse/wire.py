"""Frames as Server-Sent Events: `data` is the frame, `id` the positions that the client has reached with it."""

from collections.abc import Iterator

import orjson

from pattern_stack.atoms.broadcast.core.bookmark import moves_of, text_of
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame, chunks

COMMENT = b":\n\n"
"""It means nothing. Proxies see that the stream lives, and the server finds out whether the client does."""
PIECE_BYTES = 65_536


class Wire:
    """What one stream is sent. Streams of one channel share the bytes of its events."""

    __slots__ = ("_reached",)

    def __init__(self) -> None:
        self._reached: dict[str, Position] = {}

    def pieces(self, batch: Batch) -> Iterator[tuple[bytes, bool]]:
        """The batch as bytes, 64 KiB or little more at a time, so that a client that reads slowly is seen to read; with each
        piece, whether it ends a frame."""
        for part in chunks(batch.frames) if batch.size > PIECE_BYTES else (batch,):
            data = self._encode(part)
            if len(part.frames) > 1 or len(data) <= PIECE_BYTES:
                yield data, True
                continue
            for start in range(0, len(data), PIECE_BYTES):
                yield data[start : start + PIECE_BYTES], start + PIECE_BYTES >= len(data)

    def _encode(self, batch: Batch) -> bytes:
        last = batch.frames[-1] if batch.frames else None
        if not isinstance(last, Event) or self._reached.keys() != {last.channel} or not _is_of(last.channel, batch):
            return b"".join(map(self._one, batch.frames))
        self._reached[last.channel] = last.position
        if batch.streamed is None:
            batch.streamed = b"".join(map(Wire()._one, batch.frames))
        return batch.streamed

    def _one(self, frame: Frame) -> bytes:
        moved = False
        for channel, position in moves_of(frame):
            moved = True
            if position is not None:
                self._reached[channel] = position
            else:
                self._reached.pop(channel, None)
        if not moved:
            return b"data: %b\n\n" % frame.data
        return b"id: %b\ndata: %b\n\n" % (text_of(self._reached).encode(), frame.data)


def _is_of(channel: str, batch: Batch) -> bool:
    """Whether it has events of this channel alone. What the hub fans out is of one channel: that was looked at once."""
    if batch.streamed is not None:
        return True
    return all(isinstance(frame, Event) and frame.channel == channel for frame in batch.frames)


def last_event(code: int, reason: str) -> bytes:
    """What ends a stream. A client that the server sends away for a time is told for how long, in milliseconds."""
    name, _, seconds = reason.partition("=")
    retry = b"retry: %d\n" % round(float(seconds) * 1_000) if name == "retry-after" and _is_number(seconds) else b""
    return b"%bdata: %b\n\n" % (retry, orjson.dumps({"close": {"code": code, "reason": reason}}))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
