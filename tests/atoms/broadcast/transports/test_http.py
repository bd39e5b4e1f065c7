"""A request's head has a bound: in bytes, in headers, and in time."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from uvicorn.server import ServerState

from pattern_stack.atoms.broadcast.transports import http
from pattern_stack.atoms.broadcast.transports.first_bytes import FirstBytes
from pattern_stack.atoms.log_every import LogEvery
from tests.support.eventually import eventually
from tests.support.server import Server, serving
from tests.support.timers import Loop

FIRST = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def _lines_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_refusals", LogEvery(logging.getLogger(http.__name__), seconds=0))


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    app = FastAPI()

    @app.get("/")
    async def get() -> str:
        return "got"

    @app.post("/")
    async def post(request: Request) -> int:
        return len(await request.body())

    with serving(app, http=FirstBytes, loop=request.param) as server:
        yield server


def talk(server: Server, *sent: bytes) -> bytes:
    """All that comes back, until the server ends the connection. Each is sent when the one before was answered."""
    came = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        for number, data in enumerate(sent):
            while came.count(b"HTTP/1.1") < number:
                came += peer.recv(65_536)
            try:
                peer.sendall(data)
            except ConnectionError:  # it has been refused already
                break
        while data := peer.recv(65_536):
            came += data
    return came


def statuses(came: bytes) -> list[int]:
    return [int(part[1:4]) for part in came.split(b"HTTP/1.1")[1:]]


CLOSING = b"Connection: close\r\n\r\n"


def filled(size: int) -> bytes:
    """A head of so many bytes."""
    return FIRST + b"X: " + b"x" * (size - len(FIRST) - len(CLOSING) - 5) + b"\r\n" + CLOSING


def headers(count: int) -> bytes:
    return FIRST + b"".join(b"X-%d: 1\r\n" % number for number in range(count - 2)) + CLOSING


@pytest.mark.parametrize("head", [filled(65_536), headers(100)], ids=["bytes", "headers"])
def test_a_head_of_64_kib_or_100_headers_is_answered(server: Server, head: bytes) -> None:
    assert statuses(talk(server, head)) == [200]


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a byte more": (b"", filled(65_537)),
    "a header more": (b"", headers(101)),
    "a long line": (FIRST, b"X: " + b"x" * 5_000_000),
    "a long path": (b"GET /", b"x" * 5_000_000),
    "short headers": (FIRST, b"X: 1\r\n" * 500_000),
    "empty lines": (b"", b"\r\n" * 1_000_000),
    "a long trailer": (CHUNKED + b"0\r\n", b"X: " + b"x" * 5_000_000),
    "many trailers": (CHUNKED + b"0\r\n", b"X: 1\r\n" * 500_000),
    "many trailers in one piece": (CHUNKED + b"0\r\n", b"X: 1\r\n" * 5_000 + b"\r\n"),
}


@pytest.mark.parametrize("kept_alive", [False, True], ids=["first", "kept alive"])
@pytest.mark.parametrize(("begin", "rest"), ENDLESS.values(), ids=ENDLESS)
def test_more_is_431_and_the_end(server: Server, begin: bytes, rest: bytes, kept_alive: bool) -> None:
    before = [FIRST + b"\r\n"] * kept_alive
    assert statuses(talk(server, *before, begin + rest)) == [200] * kept_alive + [431]
    eventually(lambda: not server.call(lambda: len(server.server_state.connections)))
    assert not server.call(lambda: len(server.server_state.tasks))


def test_what_is_refused_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    talk(server, filled(70_000))
    told = [record.getMessage() for record in caplog.records if record.name == http.__name__]
    assert told == [
        "refused a request with 431 Request Header Fields Too Large: a request's head has at most 65536 bytes"
    ]


def test_bodies_are_not_bound_by_it(server: Server) -> None:
    size = 3_000_000
    whole = POST + b"Content-Length: %d\r\n" % size + CLOSING + bytes(size)
    chunks = CHUNKED.replace(b"\r\n\r\n", b"\r\n" + CLOSING) + b"8000\r\n" + bytes(0x8000) + b"\r\n"
    assert talk(server, whole).endswith(b"3000000")
    assert talk(server, chunks + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n").endswith(b"82768")


# -- time, told by a loop whose timers ring when the test says so


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written, self.eof, self.aborted = b"", False, False

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.eof = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def get_protocol(self) -> Any:
        return self.protocol

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    protocol: Any


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def transport(loop: Loop) -> Transport:
    config = uvicorn.Config(lambda: None, http=FirstBytes, log_config=None)
    config.load()
    transport = Transport()
    transport.protocol = FirstBytes(config, ServerState(), {}, loop)  # type: ignore[arg-type]
    transport.protocol.connection_made(transport)
    return transport


@pytest.mark.parametrize("sent", [b"", FIRST, b"\r\n"], ids=["nothing", "a part", "an empty line"])
def test_a_head_that_does_not_arrive_within_15_s_is_408(loop: Loop, transport: Transport, sent: bytes) -> None:
    loop.pass_time(10)
    if sent:
        transport.protocol.data_received(sent)
    assert loop.waiting == [5]  # not one byte more of time for what has come
    loop.pass_time(5)
    assert transport.written.startswith(b"HTTP/1.1 408")
    assert transport.eof
    loop.pass_time(1)
    assert transport.aborted


def test_nothing_is_timed_once_it_is_lost(loop: Loop, transport: Transport) -> None:
    transport.protocol.connection_lost(OSError())
    assert loop.waiting == []
