"""WebSockets of the application itself behave as under uvicorn alone, though it does not read their handshakes."""

import asyncio
import gc
import json
import re
import threading
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from pattern_stack.atoms.broadcast.transports.first_bytes import FirstBytes
from pattern_stack.atoms.broadcast.transports.opening import Opening, Place
from pattern_stack.atoms.broadcast.transports.opening import Server as OpeningServer
from pattern_stack.atoms.broadcast.transports.through_app import AppHandshake
from pattern_stack.atoms.broadcast.transports.uvicorn import UvicornProtocol
from pattern_stack.atoms.broadcast.websocket import handshake
from tests.support.client import client
from tests.support.eventually import eventually
from tests.support.raw import Raw
from tests.support.server import serving, serving_backend, until

ALONE: dict[str, Any] = {"http": "httptools", "ws": "websockets-sansio"}
OURS: dict[str, dict[str, Any]] = {
    "serve": {"http": FirstBytes, "ws": FastLane},
    "httptools": {"http": "httptools", "ws": FastLane},
    "h11": {"http": "h11", "ws": FastLane},
}
HEAD = (
    b"GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPT: Message = {"type": "websocket.accept"}


async def echoes(receive: Receive, send: Send) -> None:
    await send({**ACCEPT, "headers": [(b"X-Greeting", b"hello")], "subprotocol": "chat"})
    for _ in range(2):
        await send({"type": "websocket.send", "text": (await receive())["text"]})
    await send({"type": "websocket.close", "code": 4000, "reason": "bye"})


async def ends_the_process(receive: Receive, send: Send) -> None:
    raise SystemExit(3)


async def is_cancelled(receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


async def refuses(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})


async def answers(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
    await send({"type": "websocket.http.response.body", "body": b"no coffee"})


async def says_nothing(receive: Receive, send: Send) -> None: ...


async def fails(receive: Receive, send: Send) -> None:
    raise RuntimeError("before it answers")


async def fails_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("before it answers")


async def fails_later(receive: Receive, send: Send) -> None:
    await send(ACCEPT)
    raise RuntimeError("after it has answered")


async def says_what_it_may_not(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.send", "text": "too early"})


def application(behave: Any) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            assert await receive() == {"type": "websocket.connect"}
            await behave(receive, send)

    return app


def heard(raw: Raw) -> tuple[str, list[str], list[tuple[int, bytes]], str]:
    """What a client gets until the connection ends: the status, the headers without the date, and the frames or the body."""
    status, *headers = raw.response.decode().split("\r\n")
    kept = sorted(line.lower() for line in headers if not line.lower().startswith(("date:", "server:")))
    frames: list[tuple[int, bytes]] = []
    if " 101 " not in status:
        rest = raw._buffer
        while more := raw.socket.recv(1_000):
            rest += more
        return status, kept, frames, rest.decode()
    try:
        while True:
            frames.append(raw.read_frame())
            if frames[-1][0] == 8:
                raw.socket.sendall(raw.frame(8, frames[-1][1][:2]))
    except (EOFError, ConnectionError):
        return status, kept, frames, ""


def talk(app: ASGIApp, *, behind: bool = False, **config: Any) -> Any:
    """Two messages: in the same piece as the head, which uvicorn by itself loses, or after the answer."""
    messages = Raw.frame(1, b"one") + Raw.frame(1, b"two")
    with serving(app, lifespan="off", **config) as server:
        headers = "Sec-WebSocket-Protocol: chat\r\n"
        raw = Raw(server.port, headers=headers, behind=messages if behind else b"")
        with raw.socket:
            if not behind and b" 101 " in raw.response:
                raw.socket.sendall(messages)
            return heard(raw)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize(
    "behave",
    [echoes, refuses, answers, says_nothing, fails, fails_later, says_what_it_may_not, ends_the_process, is_cancelled],
)
def test_an_answer_of_the_application_is_as_under_uvicorn(behave: Any, ours: str) -> None:
    app = application(behave)
    alone = talk(app, **ALONE)
    assert talk(app, **OURS[ours]) == alone
    assert talk(app, behind=True, **OURS[ours]) == alone


async def test_an_endpoint_of_ours_needs_no_parser_of_uvicorn(
    backend: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[UvicornProtocol] = []
    make = UvicornProtocol.__init__
    monkeypatch.setattr(UvicornProtocol, "__init__", lambda self, *given: made.append(self) or make(self, *given))
    with serving_backend(backend, direct=False, config=OURS["serve"]) as server:
        async with client(server.url) as one:
            await one.subscribe("a")
        assert not made
        with (await asyncio.to_thread(Raw, server.port, headers=f"X-Long: {9_000 * 'a'}\r\n")).socket:  # the control
            assert len(made) == 1


@pytest.mark.parametrize("ours", OURS)
def test_the_scope_is_as_under_uvicorn(ours: str) -> None:
    scopes: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told = {name: value for name, value in scope.items() if name != "extensions"}
        told["extensions"] = sorted(name for name in scope["extensions"] if not name.startswith("pattern_stack"))
        scopes.append(json.loads(re.sub(r"1:\d+|, \d+", "", json.dumps(told, default=bytes.decode))))
        await send({"type": "websocket.close"})

    targets = ["/a", "/a%20b/%C3%A9?x=%41&y=", "//double", "/with;semi,colon'\"<>|"]
    headers = "Cookie: a=b; c=d\r\nX-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: https\r\nX-Odd:  two  spaces \r\n"
    for config in (ALONE, OURS[ours]):
        with serving(app, lifespan="off", root_path="/root", **config) as server:
            for target in targets:
                Raw(server.port, path=target, headers=headers + "Sec-WebSocket-Protocol: a, b\r\n").socket.close()
    assert len(scopes) == 2 * len(targets)
    assert scopes[: len(targets)] == scopes[len(targets) :]


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("how", ["reset", "close"])
def test_an_application_hears_of_a_client_that_leaves_before_the_answer(ours: str, how: str) -> None:
    told: list[Message] = []
    asked, ended = asyncio.Event(), asyncio.Event()

    async def waits(receive: Receive, send: Send) -> None:
        asked.set()
        told.append(await receive())
        try:
            await send(ACCEPT)
        except OSError as error:
            told.append({"type": type(error).__name__})
        ended.set()

    with serving(application(waits), lifespan="off", **OURS[ours]) as server:
        raw = Raw(server.port, answered=False, behind=Raw.frame(1, b"early"))
        server.call(asked.wait)
        raw.leave(how)
        server.call(ended.wait)
    assert told == [{"type": "websocket.disconnect", "code": 1006}, {"type": "ClientDisconnected"}]


@pytest.mark.parametrize(
    "headers",
    [
        "Origin: http://a\r\nOrigin: http://b\r\n",
        "Sec-WebSocket-Extensions: a;;b\r\n",  # nobody parses it where nothing is compressed
        "Sec-WebSocket-Protocol: a b\r\n",
        "Content-Length: 0\r\n",
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits="12", x\r\n',
    ],
)
@pytest.mark.parametrize("ours", ["serve", "httptools"])
def test_an_odd_head_gets_the_answer_of_uvicorn(headers: str, ours: str) -> None:
    ran: list[str] = []

    async def notes(receive: Receive, send: Send) -> None:
        ran.append("")
        await send({"type": "websocket.close"})

    def status(**config: Any) -> tuple[bytes, int]:
        ran.clear()
        with serving(application(notes), lifespan="off", **config) as server:
            raw = Raw(server.port, headers=headers, answered=False)
            with raw.socket:
                try:
                    raw._more()
                except (EOFError, ConnectionError):
                    return b"", len(ran)
                return raw._buffer.partition(b"\r\n")[0], len(ran)

    assert status(**OURS[ours]) == status(**ALONE, ws_per_message_deflate=False)


@pytest.mark.parametrize("ours", OURS)
def test_a_server_that_stops_ends_a_handshake_that_nobody_answers(ours: str) -> None:
    asked = asyncio.Event()

    async def waits(receive: Receive, send: Send) -> None:
        asked.set()
        await asyncio.Event().wait()

    with serving(application(waits), lifespan="off", timeout_graceful_shutdown=0, **OURS[ours]) as server:
        raw = Raw(server.port, answered=False)
        server.call(asked.wait)
    with raw.socket:
        raw._more()
        assert raw._buffer.startswith(b"HTTP/1.1 503 ")


class Greets:
    """Says something behind the accept of whatever it wraps."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def more(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.accept":
                await send({"type": "websocket.send", "text": '{"hello": 1}'})

        await self.app(scope, receive, more if scope["type"] == "websocket" else send)


class AcceptsItself(Greets):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_accept(message: Message) -> None:
            if message["type"] != "websocket.accept":
                await send(message)

        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": '{"hello": 1}'})
        await self.app(scope, receive, without_accept)


class Closes(Greets):
    """In place of the accept."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            await send({"type": "websocket.close"} if message["type"] == "websocket.accept" else message)

        await self.app(scope, receive, closing if scope["type"] == "websocket" else send)


def behind(middleware: type[Greets], backend: WebSocketBroadcastBackend) -> FastAPI:
    app = FastAPI()
    app.include_router(backend.get_router())
    app.add_middleware(middleware)
    return app


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("middleware", [Greets, AcceptsItself])
async def test_a_middleware_may_say_more(
    backend: WebSocketBroadcastBackend, middleware: type[Greets], ours: str
) -> None:
    def talks() -> list[Any]:
        raw = Raw(server.port)
        with raw.socket:
            raw.text({"subscribe": ["a"], "id": 1})
            heard = [raw.message(), raw.message()["id"]]
            server.call(lambda: backend.broadcast("a", "x", {}))
            return [*heard, raw.message()["event"]]

    with serving(behind(middleware, backend), **OURS[ours]) as server:
        assert await asyncio.to_thread(talks) == [{"hello": 1}, 1, "x"]
        await until(server, lambda: not server.server_state.connections and not server.server_state.tasks)


@pytest.mark.parametrize("ours", OURS)
async def test_what_a_middleware_says_when_the_socket_is_handed_over_goes_nowhere(
    backend: WebSocketBroadcastBackend, ours: str
) -> None:
    class SaysMore(Greets):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            if scope["type"] == "websocket":
                with pytest.raises(ClientDisconnected):
                    await send({"type": "websocket.close", "code": 4999})
                said.set()

    said = asyncio.Event()
    with serving(behind(SaysMore, backend), **OURS[ours]) as server:
        async with client(server.url) as one:
            await server.acall(said.wait)
            await one.subscribe("a")
            await server.acall(lambda: backend.broadcast("a", "x", {}))
            assert (await one.event())["event"] == "x"
        await until(server, lambda: not server.server_state.connections)


@pytest.mark.parametrize("headers", ["", "Content-Length: 0\r\n"], ids=["plain", "odd"])
@pytest.mark.parametrize("ours", OURS)
async def test_a_middleware_may_refuse_in_place_of_the_accept(
    backend: WebSocketBroadcastBackend, ours: str, headers: str
) -> None:
    with serving(behind(Closes, backend), **OURS[ours]) as server:
        subscribe = Raw.frame(1, b'{"subscribe": ["a"], "id": 1}')
        raw = await asyncio.to_thread(partial(Raw, server.port, headers=headers, behind=subscribe))
        with raw.socket:
            assert raw.response.startswith(b"HTTP/1.1 403 ")
            assert await asyncio.to_thread(raw.socket.recv, 1_000) == b""
        await until(server, lambda: not server.server_state.connections and not server.server_state.tasks)
        assert backend.get_total_connections() == 0


async def test_a_socket_of_the_application_counts_as_one_task(backend: WebSocketBroadcastBackend) -> None:
    """uvicorn's limit of concurrency counts tasks."""
    with serving(application(echoes), lifespan="off", **OURS["serve"]) as server:
        raw = await asyncio.to_thread(Raw, server.port, headers="Sec-WebSocket-Protocol: chat\r\n")
        with raw.socket:
            await until(server, lambda: len(server.server_state.tasks) == 1)


AMISS = {
    "text that is none, and a close": Raw.frame(1, b"\xff") + Raw.frame(8, b""),
    "text that is none, and an unmasked frame": Raw.frame(1, b"\xff") + Raw.frame(1, b"a", masked=False),
}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("ours", ["serve", "httptools"])
@pytest.mark.parametrize("amiss", AMISS.values(), ids=AMISS)
def test_frames_that_are_wrong_twice_end_the_connection(ours: str, amiss: bytes, loop: str) -> None:
    with serving(application(echoes), lifespan="off", loop=loop, **OURS[ours]) as server:
        raw = Raw(server.port, headers="Sec-WebSocket-Protocol: chat\r\n", behind=amiss)
        with raw.socket:
            _, _, frames, _ = heard(raw)
        assert [opcode for opcode, _ in frames] == [8]
        eventually(lambda: not server.call(lambda: len(server.server_state.connections)))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_server_stops_while_a_client_that_has_closed_reads_nothing(loop: str) -> None:
    """uvicorn alone fails there, and does not end the lifespan."""
    ended = threading.Event()
    heard_close = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            ended.set()
            return
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.send", "bytes": bytes(20_000_000)})
        assert (await receive())["type"] == "websocket.disconnect"
        heard_close.set()

    with serving(app, loop=loop, timeout_graceful_shutdown=1, **OURS["serve"]) as server:
        raw = Raw(server.port, receive_buffer=4_096)
        raw.socket.sendall(Raw.frame(8, b""))
        server.call(heard_close.wait)
    assert ended.is_set()
    raw.socket.close()


def test_what_an_application_raises_is_logged_where_its_client_is_leaving(caplog: pytest.LogCaptureFixture) -> None:
    asked = handshake.read(HEAD)
    transport = Mock(asyncio.Transport, **{"is_closing.return_value": True})

    async def scenario() -> None:
        config = uvicorn.Config(fails_at_once, log_config=None)
        config.load()
        server = OpeningServer(config, ServerState(), {}, asyncio.get_running_loop())
        assert asked
        AppHandshake(Place(server, transport, asyncio.Protocol(), asked, False), fails_at_once, HEAD).begin()
        while server.state.tasks:  # noqa: ASYNC110 - uvicorn's own set
            await asyncio.sleep(0)

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == ["Exception in ASGI application"]


def alive() -> int:
    return sum(isinstance(one, FirstBytes | Opening) for one in gc.get_objects())


@pytest.mark.parametrize("direct", [False, True])
async def test_an_opened_connection_leaves_no_circle(backend: WebSocketBroadcastBackend, direct: bool) -> None:
    """What a handshake needed is freed at once, not by the garbage collector."""
    gc.collect()
    before = alive()  # other tests may have left some
    gc.disable()
    try:
        with serving_backend(backend, direct=direct, config=OURS["serve"]) as server:
            async with client(server.url) as one:
                await one.subscribe("a")
                await until(server, lambda: alive() <= before)
    finally:
        gc.enable()
