"""permessage-deflate without context takeover (RFC 7692): a message compressed once serves all who asked for it."""

import zlib

TAIL = b"\x00\x00\xff\xff"
"""What a compressed message ends with, and is sent without."""
_SMALL = 128
"""Bytes below which a message goes as it is: deflating it gains nothing."""

EXTENSIONS = b"sec-websocket-extensions"
_NAME = "permessage-deflate"
_WITHOUT_CONTEXT = ("server_no_context_takeover", "client_no_context_takeover")
_BITS = frozenset(map(str, range(8, 16)))


def accepted(header: str) -> bytes | None:
    """The answer to the first of the offers in Sec-WebSocket-Extensions that leaves the server its window; None if none does."""
    answers = map(_answer, header.split(","))
    return next((answer for answer in answers if answer), None)


def _answer(offer: str) -> bytes | None:
    name, *parts = (part.strip().lower() for part in offer.split(";"))
    parameters = dict(map(_parameter, parts))
    if name != _NAME or len(parameters) != len(parts) or not all(_is_fine(*one) for one in parameters.items()):
        return None
    bits = ("server_max_window_bits=15",) if "server_max_window_bits" in parameters else ()
    return "; ".join((_NAME, *_WITHOUT_CONTEXT, *bits)).encode()


def _parameter(part: str) -> tuple[str, str | None]:
    key, equals, value = part.partition("=")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return key.strip(), value if equals else None


def _is_fine(key: str, value: str | None) -> bool:
    if key == "client_max_window_bits":
        return value is None or value in _BITS
    if key == "server_max_window_bits":  # a smaller window would be a compression of its own
        return value == "15"
    return key in _WITHOUT_CONTEXT and value is None


def deflate(data: bytes) -> bytes | None:
    """A message's data as it is sent compressed; None where that is not shorter."""
    if len(data) < _SMALL:
        return None
    shorter = deflated_segment(data)
    return shorter[: -len(TAIL)] if len(shorter) - len(TAIL) < len(data) else None


def deflated_segment(data: bytes) -> bytes:
    """A part of a message, compressed alone: such parts behind each other are the whole message, compressed."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


def inflate(data: bytes, limit: int) -> bytes:
    """The message; where it has more than `limit` bytes, one byte more than that. ValueError where it is no such data."""
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data + TAIL, limit + 1)
    except zlib.error as error:
        raise ValueError("a compressed message is no deflate data") from error
