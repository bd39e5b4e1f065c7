"""uvicorn's WebSocket protocol, which offers the socket to the endpoint as the ASGI extension `pattern_stack.frames`.

An endpoint that takes it hands its connection over and returns: the socket is a SocketTransport's from there on. Other
WebSockets of the application work as under uvicorn.
"""

import asyncio
import logging
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Request

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.transports.admission import Admission
from pattern_stack.atoms.broadcast.transports.half_close import half_close
from pattern_stack.atoms.broadcast.transports.handoff import EARLY_BYTES, EXTENSION
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.log_every import LogEvery

logger = logging.getLogger("uvicorn.error.fastlane")
_heads = LogEvery(logging.getLogger(__name__))


class UvicornProtocol(WebSocketsSansIOProtocol):
    """One socket, from its head until it was handed over; for good where it is not."""

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        app: ASGIApp | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._application = app or cast(ASGIApp, self.app)
        self.app = cast(Any, self._offer)
        self.logger = logger
        if logger.level != logging.WARNING:  # uvicorn resets it when it configures logging
            logger.setLevel(logging.WARNING)  # a line for each client is ten thousand lines after a redeploy
        # no deflate: it costs each connection 30 KiB, and each of its events a deflation
        self.conn.available_extensions = None
        self._early: bytearray | None = None
        """What came behind the head, until the handshake is answered."""
        self._socket: SocketTransport | None = None
        self._discarding = False
        """What comes is read and thrown away: the socket only waits for its end."""

    async def _offer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][EXTENSION] = self
        await self._application(scope, receive, send)

    # -- what comes

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        if self._early is None:
            self._read(data)
            return
        self._early += data  # reading goes on, so that the client's leave is noticed
        if len(self._early) > EARLY_BYTES:
            self.transport.pause_reading()

    def _read(self, data: bytes) -> None:
        self.conn.receive_data(data)
        try:
            self.handle_events()
        except InvalidState:  # text that is no UTF-8, before what has ended the connection
            if not self._discarding:
                self.handle_parser_exception()
            return
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()
        elif self.conn.parser_exc is not None and not self._discarding:
            self.handle_parser_exception()

    def handle_connect(self, event: Request) -> None:
        self._early = bytearray()
        super().handle_connect(event)

    async def send(self, message: Any) -> None:
        if self._discarding:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.accept" and self.handshake_complete:
            self.loop.call_soon(self._read_early)

    def _read_early(self) -> None:
        """Unless the socket was handed over with it."""
        early, self._early = self._early, None
        if early and not self.disconnected:
            self.transport.resume_reading()
            self._read(bytes(early))

    def _refuse_handshake(self) -> None:
        """websockets has a response ready for a head that it does not like; uvicorn does not send it."""
        response = b"".join(self.conn.data_to_send())
        status = response.partition(b"\r\n")[0].partition(b" ")[2].decode("latin-1")
        _heads.warning("refused a WebSocket handshake with %s: %s", status, self.conn.handshake_exc)
        self.transport.write(response)
        self.close_sent = self.handshake_complete = self._discarding = True
        self.transport.close()

    def handle_parser_exception(self) -> None:
        """What came is no WebSocket; the parser has a close frame ready that says so. uvicorn closes over unread data,
        and the kernel resets the connection for that: the peer would not learn why."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        sent = self.conn.close_sent
        code, reason = (sent.code, sent.reason) if sent else (1006, "")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = self._discarding = True
        half_close(self.transport)
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except InvalidState:  # the client has closed, and takes nothing any more
            self.transport.abort()

    # -- handing it over

    def take(self) -> None:
        """Called before the accept."""

    def carry(self, admission: Admission) -> None:
        """Called when the handshake was accepted: from here on the socket is that connection's."""
        if self.disconnected or self.close_sent or not self.handshake_complete:
            return
        self.stop_keepalive()
        self.connections.discard(self)
        self._socket = SocketTransport(self.transport, self.loop, self.connections, self.config, admission.deflating)
        connection = admission.connect(self._socket)
        early, self._early = self._early or b"", None
        self._socket.carry(connection, admission.close, bytes(early))
        self.close_timer = _NEVER  # uvicorn closes when the application returns, unless one is set
        while not self.queue.empty():
            _deliver(self.queue.get_nowait(), connection)
        if self.frames or self.conn.reader.buffer:
            connection.close(1012, "retry-after=0.1")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket:  # asyncio's TLS calls the old protocol, one iteration later
            self._socket.connection_lost(exc)
        else:
            super().connection_lost(exc)


class _Never(asyncio.TimerHandle):
    """A timer that neither rings nor needs to be cancelled."""

    def __init__(self) -> None: ...

    def cancel(self) -> None: ...


_NEVER = _Never()


def _deliver(message: Any, connection: ClientConnection) -> None:
    """What uvicorn has read between the accept and the handing over, where a middleware waited there."""
    if message["type"] == "websocket.receive":
        text = message.get("text")
        connection.receive(message["bytes"] if text is None else text.encode(), text is None)
