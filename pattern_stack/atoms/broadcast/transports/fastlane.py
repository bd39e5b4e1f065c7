"""FastLane: uvicorn's WebSocket protocol, with a way out of ASGI for sockets that only carry events.

`uvicorn --ws pattern_stack.atoms.broadcast.transports.fastlane:FastLane`; `pattern-stack serve` uses it. It offers itself in the
connection's scope as the ASGI extension `pattern_stack.frames`. An endpoint that takes it hands its connection over and
returns: the socket is a SocketTransport's from there on. Where the application has no say in the handshakes of that path, the
next ones go straight to the endpoint. Other WebSockets of the application work as ever.
"""

import asyncio
import logging
from typing import Any, cast
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.instance.loop import run_now
from pattern_stack.atoms.broadcast.transports.handoff import EXTENSION, Admission, Admit
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.broadcast.websocket import handshake
from pattern_stack.atoms.broadcast.websocket.deflate import ACCEPTED, EXTENSIONS
from pattern_stack.atoms.broadcast.websocket.handshake import Handshake

logger = logging.getLogger("uvicorn.error.fastlane")

_known: "WeakKeyDictionary[Config, dict[bytes, Admit]]" = WeakKeyDictionary()
"""By server and path, as it was sent: endpoints that a handshake may go to at once."""


class FastLane(WebSocketsSansIOProtocol):
    """One socket until it was handed over; for good where it is not."""

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        # no super().__init__ yet: most sockets of an application with clients never need what it makes
        self.config = config
        self.app = config.loaded_app
        self.loop = _loop or asyncio.get_event_loop()
        self.app_state = app_state
        self.connections = server_state.connections
        self.tasks = server_state.tasks
        self._state = server_state
        self._whole = False
        """uvicorn's own part is there."""
        self._path = b""
        """As it was sent, where the handshake is of the ordinary kind."""
        self._socket: SocketTransport | None = None
        self.disconnected = False
        self.asked = False
        self.discarding = False
        """What comes is read and thrown away: the socket only waits for its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connections.add(self)

    def _begin(self, head: bytes) -> None:
        """The head is here, whole: uvicorn's HTTP protocol has put it together."""
        asked = handshake.read(head)
        self._path = asked.target.partition(b"?")[0] if asked else b""
        admit = _known.get(self.config, {}).get(self._path)
        if asked and admit and admit.holds():
            self.transport.pause_reading()
            # in a turn of its own: uvicorn makes this the transport's protocol when this one is over
            self.loop.call_soon(self._go_past, asked, admit)
        else:
            self._go_through()
            self._read(head)

    # -- past the application

    def _go_past(self, asked: Handshake, admit: Admit) -> None:
        coroutine = self._admit(asked, admit)
        if admit.prompt:
            run_now(coroutine)
        else:
            task = self.loop.create_task(coroutine)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _admit(self, asked: Handshake, admit: Admit) -> None:
        try:
            admission = await admit.ask(self._scope(asked, admit), self._connect, self._send_nothing)
            if not self.disconnected:
                extensions = [(EXTENSIONS, ACCEPTED)] if admission.deflating else []
                self.transport.write(handshake.answer(asked.key, self._state.default_headers + extensions))
                self._hand_over(admission)
        except BaseException as error:
            self.transport.close()
            if isinstance(error, asyncio.CancelledError):  # the server stops
                raise
            logger.exception("a connection could not be opened")

    def _scope(self, asked: Handshake, admit: Admit) -> dict[str, Any]:
        path, _, query = asked.target.partition(b"?")
        scheme = "wss" if is_ssl(self.transport) else "ws"
        if admit.prompt:
            return {"type": "websocket", "scheme": scheme, "headers": asked.headers}
        root = self.config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": scheme,
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": asked.headers,
            "subprotocols": _subprotocols(asked),
            "state": self.app_state.copy(),
            "extensions": {},
            **admit.scope,
        }

    async def _connect(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def _send_nothing(self, message: Any) -> None:
        raise RuntimeError("a dependency that authenticates does not accept or close the socket: it returns or raises")

    # -- through the application

    def _go_through(self) -> None:
        transport = self.transport
        super().__init__(self.config, self._state, self.app_state, self.loop)
        super().connection_made(transport)
        self._whole = True
        self.logger = logger
        if logger.level != logging.WARNING:  # uvicorn resets it when it configures logging
            logger.setLevel(logging.WARNING)  # a line for each client is ten thousand lines after a redeploy
        # no deflate: it costs each connection 30 KiB, and each of its events a deflation
        self.conn.available_extensions = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.read_paused = True  # what comes is for whoever has the socket after the accept
            self.transport.pause_reading()
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = self

    async def receive(self) -> Any:
        if not self.asked:
            self.asked = True
            return await self.queue.get()  # websocket.connect
        self._resume()
        return await super().receive()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self.read_paused and not self._socket and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    def carry(self, admission: Admission, again: Admit | None) -> None:
        """Called when the handshake was accepted: from here on the socket is that connection's.

        `again`: what the next handshakes for this path may be asked, where the application has no say in them.
        """
        if self.disconnected:
            return
        self.stop_keepalive()
        connection = self._hand_over(admission)
        self.close_timer = _NEVER  # uvicorn closes when the application returns, unless one is set
        while not self.queue.empty():
            _deliver(self.queue.get_nowait(), connection)
        if self.frames or self.conn.reader.buffer:
            connection.close(1012, "retry-after=0.1")
        known = _known.setdefault(self.config, {})
        known.pop(self._path, None)
        if again and self._is_plain() and cast(dict[str, Any], self.scope)["app"] is _without_proxy_headers(self.app):
            known[self._path] = again

    def _is_plain(self) -> bool:
        """Not one of the thousands of ways to spell a path with %: what is known of paths is kept."""
        return bool(self._path) and b"%" not in self._path

    def _hand_over(self, admission: Admission) -> ClientConnection:
        self.connections.discard(self)
        socket = SocketTransport(self.transport, self.loop, self.connections, self.config, admission.deflating)
        self._socket = socket
        connection = admission.opening(socket)
        socket.carry(connection, admission.refusal)
        return connection

    # -- what comes, until then

    def data_received(self, data: bytes) -> None:
        if self._whole:
            self._read(data)
        else:
            self._begin(data)

    def _read(self, data: bytes) -> None:
        if self.discarding:
            return
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()
        elif self.conn.parser_exc is not None and not self.discarding:
            self.handle_parser_exception()

    def _refuse_handshake(self) -> None:
        """websockets has a response ready for a head that it does not like; uvicorn does not send it."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self.handshake_complete = self.discarding = True
        self.transport.close()

    def handle_parser_exception(self) -> None:
        """What came is no WebSocket; the parser has a close frame ready that says so. uvicorn closes over unread data,
        and the kernel resets the connection for that: the peer would not learn why."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        sent = self.conn.close_sent
        code, reason = (sent.code, sent.reason) if sent else (1006, "")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = self.discarding = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    # -- its end

    def shutdown(self) -> None:
        if self._whole:
            super().shutdown()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket:  # under TLS the loss is told, a turn later, to whose the socket was when it broke
            self._socket.connection_lost(exc)
        elif self._whole:
            super().connection_lost(exc)
        else:
            self.disconnected = True
            self.connections.discard(self)

    def pause_writing(self) -> None:
        if self._whole:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self._whole:
            super().resume_writing()


class _Never(asyncio.TimerHandle):
    """A timer that neither rings nor needs to be cancelled."""

    def __init__(self) -> None: ...

    def cancel(self) -> None: ...


_NEVER = _Never()


def _without_proxy_headers(app: Any) -> Any:
    """What uvicorn has put around an application only looks for X-Forwarded headers, which go the whole way."""
    return app.app if type(app) is ProxyHeadersMiddleware else app


def _subprotocols(asked: Handshake) -> list[str]:
    offers = [value.decode("latin-1") for name, value in asked.headers if name == b"sec-websocket-protocol"]
    return [token.strip() for offer in offers for token in offer.split(",")]


def _deliver(message: Any, connection: ClientConnection) -> None:
    """What uvicorn has read between the accept and the handing over, where a middleware waited there."""
    if message["type"] == "websocket.receive":
        text = message.get("text")
        connection.receive(message["bytes"] if text is None else text.encode(), text is None)
