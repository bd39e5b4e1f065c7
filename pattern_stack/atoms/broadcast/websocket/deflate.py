"""permessage-deflate without context takeover (RFC 7692): a message compressed once serves all who asked for it."""

import zlib

_TAIL = b"\x00\x00\xff\xff"
_SMALL = 128
"""Bytes below which a message goes as it is: deflating it gains nothing."""

EXTENSIONS = b"sec-websocket-extensions"
ACCEPTED = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The answer to an offer that is taken up."""


def is_offered(header: str) -> bool:
    """Whether one of the offers in Sec-WebSocket-Extensions can be taken up: any that leaves the server its window."""
    return any(_can_take(offer) for offer in header.split(","))


def _can_take(offer: str) -> bool:
    name, *parameters = (part.strip().lower() for part in offer.split(";"))
    if name != "permessage-deflate" or len(set(parameters)) != len(parameters):
        return False
    return all(map(_is_fine, parameters))


def _is_fine(parameter: str) -> bool:
    key, _, value = parameter.partition("=")
    value = value.strip().strip('"')
    if key.strip() == "client_max_window_bits":
        return value == "" or (value.isdecimal() and 8 <= int(value) <= 15)
    return parameter in ("server_no_context_takeover", "client_no_context_takeover")


def deflate(data: bytes) -> bytes | None:
    """A message's data as it is sent compressed; None where that is not shorter."""
    if len(data) < _SMALL:
        return None
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    shorter = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return shorter[: -len(_TAIL)] if len(shorter) - len(_TAIL) < len(data) else None


def inflate(data: bytes, limit: int) -> bytes:
    """The message; where it has more than `limit` bytes, one byte more than that. ValueError where it is no such data."""
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data + _TAIL, limit + 1)
    except zlib.error as error:
        raise ValueError("a compressed message is no deflate data") from error
