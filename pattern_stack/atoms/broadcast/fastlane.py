"""FastLane: uvicorn's WebSocket protocol, with a way out of ASGI for sockets that only carry events.

`uvicorn --ws pattern_stack.atoms.broadcast.fastlane:FastLane`; `pattern-stack serve` uses it. It offers itself in the
connection's scope as the ASGI extension `pattern_stack.frames`. An endpoint that takes it hands its connection over and
returns: the socket is a Carrier's from there on. Other WebSockets of the application work as ever.
"""

from asyncio import TimerHandle
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from pattern_stack.atoms.broadcast.carrier import Carrier, Opening
from pattern_stack.atoms.broadcast.connection import Connection
from pattern_stack.atoms.broadcast.lane import EXTENSION


class FastLane(WebSocketsSansIOProtocol):
    """One socket until it was handed over; for good where it is not."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # no deflate: it costs each connection 30 KiB, and each of its events a deflation
        self.conn.available_extensions = None
        self.asked = False
        self.carried = False
        self.discarding = False
        """What comes is read and thrown away: the socket only waits for its end."""

    # -- the extension

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
        if self.read_paused and not self.carried and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    def carry(self, opening: Opening, refusal: tuple[int, str] | None, deflating: bool = False) -> None:
        """Called when the handshake was accepted: from here on the socket is that connection's."""
        if self.disconnected:
            return
        self.carried = True
        self.stop_keepalive()
        self.connections.discard(self)
        carrier = Carrier(self.transport, self.loop, self.connections, self.config, deflating)
        connection = opening(carrier)
        carrier.carry(connection, refusal)
        self.close_timer = _NEVER  # uvicorn closes when the application returns, unless one is set
        while not self.queue.empty():
            _deliver(self.queue.get_nowait(), connection)
        if self.frames or self.conn.reader.buffer:
            connection.close(1012, "retry-after=0.1")

    # -- closes that arrive

    def data_received(self, data: bytes) -> None:
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


class _Never(TimerHandle):
    """A timer that neither rings nor needs to be cancelled."""

    def __init__(self) -> None: ...

    def cancel(self) -> None: ...


_NEVER = _Never()


def _deliver(message: Any, connection: Connection) -> None:
    """What uvicorn has read between the accept and the handing over, where a middleware waited there."""
    if message["type"] == "websocket.receive":
        text = message.get("text")
        connection.receive(message["bytes"] if text is None else text.encode(), text is None)
