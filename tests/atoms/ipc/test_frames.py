"""Frames come out as they went in, however they were cut."""

import random

import pytest

from pattern_stack.atoms.ipc.frames import FrameError, Unpacker, pack

FRAMES = [([1, "publish", "a", None], b"x" * 200_000), ([2], b""), ([0, "é"], b"\x00\xff"), ([3, []], b"{}")]


@pytest.mark.parametrize("seed", range(20))
def test_any_pieces(seed: int) -> None:
    chance = random.Random(seed)
    data = b"".join(pack(*frame) for frame in FRAMES * 3)
    unpacker, got = Unpacker(), []
    while data:
        size = chance.choice([1, 7, 8, 9, 100, 100_000])
        got += unpacker.feed(data[:size])
        data = data[size:]
    assert got == FRAMES * 3


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\0\0\0\2\0\0\0\0{}", b"\0\0\0\1\0\0\0\0["])
def test_what_is_no_frame(data: bytes) -> None:
    with pytest.raises(FrameError):
        Unpacker().feed(data)
