"""Whatever is sent: nothing is raised, nobody else notices, and the connection goes on or is closed with a stated code."""

import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pattern_stack import WebSocketBroadcastBackend
from tests.support.examples import examples
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend
from tests.support.texts import json_texts

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STATED = {1002, 1007, 1008, 1009}
"""What a server may close with because of what a client sent; beside that it echoes."""
REFUSALS = {"invalid_json", "invalid_message", "invalid_channel", "too_many_channels", "not_found"}
REPLIES = {"subscribed", "unsubscribed", "refreshed", "authenticated", "pong", "presence"}

quick = settings(deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])


class Failures(logging.Handler):
    """Errors that the server logged, but for uvicorn's word on a text that is not UTF-8."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.getMessage().startswith("Invalid UTF-8 sequence"):
            self.found.append(self.format(record))


class Arena:
    """A server, and somebody on it who must not notice what the others send."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server, failures: Failures) -> None:
        self._backend = backend
        self._port = server.port
        self._failures = failures
        self._bystander = Raw(server.port)
        self._bystander.text({"subscribe": ["bystander"], "id": 1})
        assert self._bystander.message()["id"] == 1

    def enter(self) -> Raw:
        return Raw(self._port)

    def check(self) -> None:
        event = self._backend.broadcast_sync("bystander", "still-here", {})
        assert self._bystander.message()["offset"] == event.offset
        found = self._failures.found[:]
        self._failures.found.clear()
        assert not found, found[0]

    def leave(self) -> None:
        self._bystander.socket.close()


@pytest.fixture(scope="module")
def arena(lane: str) -> Iterator[Arena]:
    backend, failures = WebSocketBroadcastBackend(), Failures()
    logging.getLogger().addHandler(failures)
    with serving_backend(backend) as server:
        arena = Arena(backend, server, failures)
        yield arena
        arena.leave()
    logging.getLogger().removeHandler(failures)


def end(raw: Raw) -> int | None:
    """The code that the server closes with; None where it only ends the connection."""
    try:
        while (frame := raw.read_frame())[0] != CLOSE:
            pass
    except (EOFError, ConnectionError):
        return None
    return int.from_bytes(frame[1][:2]) if frame[1] else 1005


@pytest.mark.lanes("slow", "fast")
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3))
@quick
def test_bytes(arena: Arena, chunks: list[bytes]) -> None:
    raw = arena.enter()
    with raw.socket:
        with suppress(OSError):  # it may be closed before the last chunk
            for chunk in chunks:
                raw.socket.sendall(chunk)
            raw.socket.shutdown(1)
        code = end(raw)
        assert code is None or code in STATED or b"\x88" in b"".join(chunks), code
    arena.check()


kinds = st.sampled_from([CONTINUATION, TEXT, BINARY, PING, PONG])
commands = st.sampled_from(
    [b'{"ping": 1}', b'{"subscribe": ["a"]}', b'{"subscribe": ["*"]}', b'{"id": 1}', b"[" * 40, b""]
)
texts = commands | st.text(max_size=20).map(str.encode)
bad_bytes = st.binary(max_size=20) | st.sampled_from([b"\xff", bytes(126), bytes(65_537)])
codes = st.integers(0, 5_100).map(lambda code: code.to_bytes(2)) | st.sampled_from(
    [b"", b"\x03", b"\x03\xe8bye", b"\x03\xe8\xff"]
)
Part = tuple[int, bytes, bool, bool]
"""opcode and reserved bits, data, fin, masked"""
mostly = st.sampled_from([True] * 9 + [False])
good = st.tuples(kinds, texts, st.booleans(), st.just(True)) | st.tuples(
    st.just(TEXT), texts, st.just(True), st.just(True)
)
too_much = st.tuples(st.just(TEXT), st.sampled_from([b"\xff", bytes(65_537)]), st.just(True), st.just(True))
ill = too_much | st.tuples(
    st.integers(0, 127).filter(lambda opcode: opcode & 15 != CLOSE), texts | bad_bytes, mostly, mostly
)
close = st.tuples(st.just(CLOSE), codes, mostly, st.just(True))
# uvicorn by itself breaks off where a text that is not UTF-8 and a close come in one piece
separate = st.lists(good | good | ill, max_size=12) | st.lists(good | good | close, max_size=12)


@pytest.mark.lanes("slow", "fast")
@given(separate)
@quick
def test_frames(arena: Arena, parts: list[Part]) -> None:
    send_frames(arena, parts)


@given(st.lists(good | good | ill | close, max_size=12))
@quick
def test_frames_in_any_mix(arena: Arena, parts: list[Part]) -> None:
    send_frames(arena, parts)


def send_frames(arena: Arena, parts: list[Part]) -> None:
    sent = b""
    raw = arena.enter()
    with raw.socket:
        for opcode, data, fin, masked in parts:
            sent += raw.frame(opcode, data, fin=fin, masked=masked)
        with suppress(ConnectionError):  # it may be closed before the end
            raw.socket.sendall(sent + raw.frame(PING, b"marker"))
        answer = raw.read_frame()
        while answer[0] != CLOSE and answer != (PONG, b"marker"):
            answer = raw.read_frame()
        if answer[0] == CLOSE:
            code = int.from_bytes(answer[1][:2]) if answer[1] else 1005
        else:
            with suppress(ConnectionError):
                raw.socket.sendall(raw.frame(CLOSE, b"\x03\xe8"))
            code = end(raw)
        echoes = {int.from_bytes(data[:2]) if data else 1005 for opcode, data, _, _ in parts if opcode == CLOSE}
        assert code in STATED | echoes | {1000}, code
    arena.check()


@given(st.lists(json_texts, max_size=15))
@quick
def test_json(arena: Arena, frames: list[str]) -> None:
    raw = arena.enter()
    with raw.socket:
        for text in frames:
            raw.text(text)
        raw.text({"ping": "marker", "id": "marker"})
        while (answer := raw.message()).get("id") != "marker" or answer.get("pong") != "marker":
            if "error" in answer:
                assert answer["error"]["code"] in REFUSALS, answer
            else:
                assert answer.keys() & REPLIES or answer.keys() == {"reset"}, answer
    arena.check()
