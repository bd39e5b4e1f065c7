"""The reader of handshakes against websockets' own: what it takes up, websockets would have accepted in the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from pattern_stack.atoms.broadcast.websocket.handshake import answer, read

REQUEST = b"GET /ws/broadcast?a=b HTTP/1.1"
HEADERS = [
    (b"host", b"127.0.0.1"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]


def head(headers: list[tuple[bytes, bytes]], request: bytes = REQUEST) -> bytes:
    return request + b"\r\n" + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n"


def accepted_by_websockets(data: bytes) -> str | None:
    """The Sec-WebSocket-Accept of its answer, where it accepts."""
    reference = ServerProtocol()
    reference.receive_data(data)
    events = reference.events_received()
    if reference.handshake_exc or not events or not isinstance(events[0], Request):
        return None
    response = reference.accept(events[0])
    return response.headers["Sec-WebSocket-Accept"] if response.status_code == 101 else None


def test_an_ordinary_one() -> None:
    asked = read(head(HEADERS))
    assert asked is not None
    assert asked.target == b"/ws/broadcast?a=b"
    assert asked.headers == HEADERS
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx-a: b\r\n\r\n" in answer(
        asked.key, [(b"x-a", b"b")]
    )


LEFT: dict[str, bytes] = {
    "a body": head([*HEADERS, (b"Content-Length", b"5")]),
    "a chunked body": head([*HEADERS, (b"transfer-encoding", b"chunked")]),
    "another version": head([*HEADERS[:-1], (b"sec-websocket-version", b"8")]),
    "two keys": head([*HEADERS, HEADERS[3]]),
    "no host": head(HEADERS[1:]),
    "a key of other length": head([*HEADERS[:3], (b"sec-websocket-key", b"abcd"), HEADERS[4]]),
    "too long": head([*HEADERS, (b"cookie", b"x" * 9_000)]),
    "too many": head([*HEADERS, *[(b"x", b"y")] * 100]),
    "a bad name": head([*HEADERS, (b"a b", b"c")]),
    "a control character": head([*HEADERS, (b"a", b"b\x00")]),
    "HTTP/1.0": head(HEADERS, b"GET / HTTP/1.0"),
    "a POST": head(HEADERS, b"POST / HTTP/1.1"),
    "another form of target": head(HEADERS, b"GET http://a/ HTTP/1.1"),
    "a fragment": head(HEADERS, b"GET /a#b HTTP/1.1"),
    "two origins": head([*HEADERS, (b"origin", b"http://a"), (b"origin", b"http://b")]),
    "subprotocols that are none": head([*HEADERS, (b"sec-websocket-protocol", b"a b")]),
}


def test_a_proxys_words_are_told() -> None:
    for headers, told in ((HEADERS, False), ([*HEADERS, (b"X-Forwarded-For", b"10.0.0.1")], True)):
        asked = read(head(headers))
        assert asked
        assert asked.is_forwarded is told


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_what_is_left_to_others(data: bytes) -> None:
    assert read(data) is None


SPOILT = st.one_of(
    st.sampled_from(HEADERS),
    st.tuples(st.sampled_from([b"content-length", b"transfer-encoding", b"expect", b"te"]), st.binary(max_size=4)),
    st.tuples(st.sampled_from([name for name, _ in HEADERS]), st.binary(max_size=4)),
    st.tuples(st.binary(max_size=4), st.binary(max_size=4)),
)


@given(more=st.lists(SPOILT, max_size=2), without=st.integers(-10, 4), at=st.integers(0, 5))
def test_what_it_takes_up_websockets_accepts(more: list[tuple[bytes, bytes]], without: int, at: int) -> None:
    kept = [header for number, header in enumerate(HEADERS) if number != without]
    data = head(kept[:at] + more + kept[at:])
    asked = read(data)
    if asked is not None:
        accept = accepted_by_websockets(data)
        assert accept is not None
        assert f"Sec-WebSocket-Accept: {accept}\r\n".encode() in answer(asked.key, [])
