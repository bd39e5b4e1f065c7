"""The wire between a worker and the broker: a header, which is a JSON list, and a body of any bytes."""

from collections.abc import Sequence
from struct import Struct
from typing import Any

import orjson

VERSION = 1
"""Of what the headers mean. The broker refuses a worker that speaks another one."""

ARRIVED, SENT, REFUSED = 0, -1, -2
"""In the place of a call's number: an event of a followed channel; a message that has no place in its order; the broker
wants nothing of this worker, and says why."""

_LENGTHS = Struct(">II")
_MOST = 512 * 1_048_576
"""A length beyond it is no length: something else than this package writes here."""

Frame = tuple[list[Any], bytes]


class FrameError(Exception):
    """What was read is no frame."""


def pack(header: Sequence[Any], body: bytes = b"") -> bytes:
    head = orjson.dumps(header)
    return b"%b%b%b" % (_LENGTHS.pack(len(head), len(body)), head, body)


class Unpacker:
    """Makes frames of what is read, in pieces of any size."""

    __slots__ = ("_needed", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._needed = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises FrameError."""
        if self._parts:
            self._parts.append(data)
            self._size += len(data)
            if self._size < self._needed:  # without joining: a long frame comes in many pieces
                return []
            data, self._parts = b"".join(self._parts), []
        frames, start = _frames(data)
        self._keep(data[start:])
        return frames

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._parts, self._size = [rest], len(rest)
            self._needed = _end(rest, 0) if len(rest) >= _LENGTHS.size else _LENGTHS.size


def _frames(data: bytes) -> tuple[list[Frame], int]:
    """The frames, and where the first begins that is not complete."""
    frames, start, end = list[Frame](), 0, len(data)
    while end - start >= _LENGTHS.size:
        stop = _end(data, start)
        if stop > end:
            break
        frames.append(_frame(data, start, stop))
        start = stop
    return frames, start


def _end(data: bytes, start: int) -> int:
    head, body = _LENGTHS.unpack_from(data, start)
    if head > _MOST or body > _MOST:
        raise FrameError("this is no frame")
    return start + _LENGTHS.size + int(head) + int(body)


def _frame(data: bytes, start: int, stop: int) -> Frame:
    head, _ = _LENGTHS.unpack_from(data, start)
    begin = start + _LENGTHS.size
    try:
        header = orjson.loads(data[begin : begin + head])
    except ValueError as error:
        raise FrameError("a header is no JSON") from error
    if not isinstance(header, list):
        raise FrameError("a header is no list")
    return header, data[begin + head : stop]


def cut(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The parts of these sizes that a body was joined of."""
    parts, start = list[bytes](), 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts
