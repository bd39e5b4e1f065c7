"""A WebSocket's opening handshake from its bytes, where it is of the ordinary kind. No IO."""

import re
from typing import NamedTuple

from websockets.utils import accept_key

from pattern_stack.atoms.broadcast.websocket.subprotocols import SUBPROTOCOL

_MOST_BYTES = 8_192
_MOST_HEADERS = 64
_LIST = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*")
_LISTS = (b"connection", SUBPROTOCOL)
"""Of values that a server parses. A list of another form may still be right: uvicorn's parsers decide."""
_ONCE = (b"host", b"upgrade", b"connection", b"sec-websocket-version", b"sec-websocket-key", b"origin")
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
_HEADERS = re.compile(rb"(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*")
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")
_BODY = (b"content-length", b"transfer-encoding")
"""What begins so says that a body follows, which would be read as frames."""
_FORWARDED = b"x-forwarded"


class Handshake(NamedTuple):
    target: bytes
    """Path and query as they were sent."""
    key: str
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""
    is_forwarded: bool
    """A proxy says who asks."""

    @property
    def subprotocols(self) -> list[str]:
        """Those that the client offers."""
        offers = [value.decode("latin-1") for name, value in self.headers if name == SUBPROTOCOL]
        return [token.strip() for offer in offers for token in offer.split(",")]


def read(head: bytes) -> Handshake | None:
    """What the head asks for; None where it is anything but plainly right."""
    if len(head) > _MOST_BYTES:
        return None
    request, *lines = head[:-4].split(b"\r\n")
    parts = request.split(b" ")
    if len(parts) != 3 or parts[0] != b"GET" or parts[2] != b"HTTP/1.1" or len(lines) > _MOST_HEADERS:
        return None
    if not (_TARGET.fullmatch(parts[1]) and _HEADERS.fullmatch(head, len(request), len(head) - 4)):
        return None
    headers = []
    is_forwarded = False
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name.startswith(_BODY):
            return None
        is_forwarded = is_forwarded or name.startswith(_FORWARDED)
        headers.append((name, value.strip(b" \t")))
    key = _key(headers)
    return Handshake(parts[1], key, headers, is_forwarded) if key else None


def _key(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The client's key where everything asks for a WebSocket, once."""
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _LISTS and not _LIST.fullmatch(value):
            return None
        if name in _ONCE:
            if name in seen:
                return None
            seen[name] = value
    seen.pop(b"origin", None)
    tokens = [token.strip().lower() for token in seen.get(b"connection", b"").split(b",")]
    asks = len(seen) == 5 and b"upgrade" in tokens and seen[b"upgrade"].lower() == b"websocket"
    if asks and seen[b"sec-websocket-version"] == b"13" and _KEY.fullmatch(seen[b"sec-websocket-key"]):
        return seen[b"sec-websocket-key"].decode()
    return None


def answer(key: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The response that opens it, with these headers beside its own."""
    more = b"".join([b"%b: %b\r\n" % header for header in headers])
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (accept_key(key).encode(), more)
    )
