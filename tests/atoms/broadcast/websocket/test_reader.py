"""The reader of a client's bytes against websockets' own, and what it does with compressed messages."""

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as Reference
from websockets.protocol import Side

from pattern_stack.atoms.broadcast.websocket.deflate import accepted, deflate, inflate
from pattern_stack.atoms.broadcast.websocket.reader import FrameReader

LIMIT = 300
OPCODES = st.sampled_from([0, 1, 1, 2, 8, 9, 10, 3, 11])
DATA = st.one_of(st.binary(max_size=8), st.text(max_size=8).map(str.encode), st.binary(min_size=120, max_size=320))


@st.composite
def frame(draw: st.DrawFn) -> bytes:
    """A frame that is right more often than not."""
    opcode, data = draw(OPCODES), draw(DATA)
    head = (0x80 if draw(st.integers(0, 3)) else 0) | opcode | (0x40 if not draw(st.integers(0, 30)) else 0)
    mask = b"\x01\x02\x03\x04" if draw(st.integers(0, 30)) else b""
    length = len(data)
    bit = 0x80 if mask else 0
    size = bytes([length | bit]) if length < 126 else bytes([126 | bit]) + length.to_bytes(2)
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)) if mask else data
    return bytes([head]) + size + mask + masked


def read_by_websockets(data: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """Its messages, and the code it would close with for what came."""
    reference = Reference(
        Side.SERVER, max_size=None
    )  # it would count a ping between two fragments as part of the message
    reference.receive_data(data)
    got: list[tuple[int, bytes]] = []
    parts: list[bytes] = []
    opcode = 0
    for event in [*reference.events_received(), *close_within_a_message(reference)]:
        assert isinstance(event, Frame)
        if event.opcode >= 8:
            got.append((event.opcode, bytes(event.data)))
            continue
        opcode = event.opcode or opcode
        parts.append(bytes(event.data))
        if sum(map(len, parts)) > LIMIT:
            return got, 1009
        if event.fin:
            message, parts = b"".join(parts), []
            if opcode == Opcode.TEXT and not is_text(message):
                return got, 1007
            got.append((opcode, message))
        if got and got[-1][0] == Opcode.CLOSE:
            break
    if reference.parser_exc is None or not reference.close_sent:
        return got, None
    return got, reference.close_sent.code


def close_within_a_message(reference: Reference) -> list[Frame]:
    """websockets refuses the close that may stand between fragments (RFC 6455, 5.4): here it counts."""
    close = reference.close_rcvd
    if close is None or "incomplete fragmented" not in str(reference.parser_exc):
        return []
    return [Frame(Opcode.CLOSE, b"" if close.code == 1005 else close.serialize())]


def is_text(data: bytes) -> bool:
    return data.decode(errors="replace").encode() == data


def until_close(got: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    closes = [n for n, (opcode, _) in enumerate(got) if opcode == Opcode.CLOSE]
    return got[: closes[0] + 1] if closes else got


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=st.lists(frame(), max_size=8), cuts=st.lists(st.integers(1, 40), max_size=10))
def test_it_reads_what_websockets_reads(frames: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(frames)
    inbound, got, rest = FrameReader(LIMIT), list[tuple[int, bytes]](), whole
    for cut in [*cuts, len(whole)]:
        got += inbound.feed(rest[:cut])
        rest = rest[cut:]
    expected, code = read_by_websockets(whole)
    if any(opcode == Opcode.CLOSE for opcode, _ in expected):  # whatever comes behind a close is nobody's
        assert until_close(got) == expected
    else:
        assert got == expected
        codes = {inbound.failure.code if inbound.failure else None, code}
        assert len(codes) == 1 or (1002 in codes and None not in codes)  # a frame with two faults: either may be named


def test_a_ping_between_fragments_is_no_part_of_the_message() -> None:
    mask, inbound = bytes(4), FrameReader(LIMIT)
    head = b"\x01\xfe" + (LIMIT - 10).to_bytes(2) + mask + b"x" * (LIMIT - 10)
    assert inbound.feed(head + b"\x89\xfd" + mask + bytes(125)) == [(9, bytes(125))]
    assert inbound.feed(b"\x80\x8a" + mask + b"x" * 10) == [(1, b"x" * LIMIT)]


def compressed(data: bytes, first: int = 0xC1) -> bytes:
    return bytes([first]) + bytes([0x80 | len(data)]) + bytes(4) + data


def test_compressed_messages() -> None:
    text = b'{"a": "' + b"x" * 200 + b'"}'
    shorter = deflate(text)
    assert shorter is not None
    assert FrameReader(LIMIT, deflating=True).feed(compressed(shorter)) == [(1, text)]
    half = len(shorter) // 2
    fragments = compressed(shorter[:half], 0x41) + compressed(shorter[half:], 0x80)
    inbound = FrameReader(LIMIT, deflating=True)
    assert inbound.feed(fragments) == [(1, text)]
    assert inbound.feed(b"\x81\x80\0\0\0\0") == [(1, b"")]  # a plain one is fine too


FAULTS: dict[str, tuple[bytes, int]] = {
    "too big": (zlib.compress(b"x" * (LIMIT + 1), wbits=-15)[:-1] + b"\0", 1009),
    "a bomb": (deflate(b"x" * 100_000) or b"", 1009),
    "not deflate": (b"\xff\xff\xff", 1007),
}


@pytest.mark.parametrize(("data", "code"), FAULTS.values(), ids=FAULTS)
def test_compressed_messages_that_are_refused(data: bytes, code: int) -> None:
    inbound = FrameReader(LIMIT, deflating=True)
    assert inbound.feed(compressed(data)) == []
    assert inbound.failure is not None
    assert inbound.failure.code == code


@pytest.mark.parametrize("first", [0xC0, 0xC9, 0xE1], ids=["a continuation", "a ping", "another bit"])
def test_only_a_message_may_be_compressed(first: int) -> None:
    inbound = FrameReader(LIMIT, deflating=True)
    inbound.feed(compressed(b"", first))
    assert inbound.failure is not None
    assert inbound.failure.code == 1002


@given(data=st.binary(max_size=2_000))
def test_what_was_deflated_is_inflated_by_everybody(data: bytes) -> None:
    shorter = deflate(data)
    if shorter is not None:
        assert len(shorter) < len(data)
        assert inflate(shorter, len(data)) == data
        assert zlib.decompressobj(wbits=-15).decompress(shorter + b"\0\0\xff\xff") == data


TAKEN = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
OFFERS: dict[str, bytes | None] = {
    "permessage-deflate": TAKEN,
    "permessage-deflate; client_max_window_bits": TAKEN,
    "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=10": TAKEN,
    'permessage-deflate; client_max_window_bits="15"': TAKEN,
    "permessage-deflate; server_max_window_bits=10, permessage-deflate": TAKEN,
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": TAKEN,
    "permessage-deflate; server_max_window_bits=15": TAKEN + b"; server_max_window_bits=15",
    'Permessage-Deflate; server_max_window_bits = "15"; client_max_window_bits=8': TAKEN
    + b"; server_max_window_bits=15",
    "permessage-deflate; server_max_window_bits=10": None,
    "permessage-deflate; server_max_window_bits": None,
    "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15": None,
    "permessage-deflate; client_max_window_bits=7": None,
    "permessage-deflate; client_max_window_bits=16": None,
    "permessage-deflate; client_max_window_bits=08": None,
    "permessage-deflate; client_max_window_bits=": None,
    "permessage-deflate; client_max_window_bits; client_max_window_bits": None,
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10": None,
    "permessage-deflate; client_max_window_bits=\u0669": None,
    "permessage-deflate; server_no_context_takeover=1": None,
    "permessage-deflate; unknown": None,
    "permessage-bzip2": None,
    "": None,
}


@pytest.mark.parametrize(("header", "answer"), OFFERS.items(), ids=OFFERS)
def test_offers(header: str, answer: bytes | None) -> None:
    assert accepted(header) == answer


@pytest.mark.parametrize("deflating", [False, True])
@given(sizes=st.lists(st.integers(0, LIMIT + 1), max_size=30), cut=st.integers(1, 200))
def test_what_it_holds_of_an_unfinished_message_is_bounded(deflating: bool, sizes: list[int], cut: int) -> None:
    """A message and a frame's head of 14 bytes, however a client cuts what it never finishes."""
    reader = FrameReader(LIMIT, deflating)
    opcodes = [Opcode.TEXT, *[Opcode.CONT] * len(sizes)]
    data = b"".join(
        bytes([opcode, 0x80 | 126]) + size.to_bytes(2) + bytes(4 + size)
        for opcode, size in zip(opcodes, sizes, strict=False)
    )
    for at in range(0, len(data), cut):
        reader.feed(data[at : at + cut])
        assert len(reader._rest or b"") + len(reader._message or b"") <= LIMIT + 14
        if reader.failure:
            assert reader.failure.code == 1009
            assert reader._rest is None
