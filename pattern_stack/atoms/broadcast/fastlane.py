"""FastLane: uvicorn's WebSocket protocol, with a way to write prepared frames straight to the transport.

`uvicorn --ws pattern_stack.atoms.broadcast.fastlane:FastLane`; `pattern-stack serve` uses it. It offers itself in the
connection's scope as the ASGI extension `pattern_stack.frames`. An endpoint that takes it hands its connection over
and returns: no task, no queue and no coroutine is left of it. Other WebSockets of the application work as ever.

For both, a close arrives: uvicorn closes the transport over unread data, and the kernel resets it for that.
"""

import random
from asyncio import TimerHandle
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from pattern_stack.atoms.broadcast.connection import Connection
from pattern_stack.atoms.broadcast.frame import Batch
from pattern_stack.atoms.broadcast.lane import EXTENSION
from pattern_stack.atoms.broadcast.throttle import Bucket

_SLICE = 2_048
_FRAGMENTS = 10
"""Frames of any kind, control frames and fragments too, for each message that a connection may send."""


class FastLane(WebSocketsSansIOProtocol):
    """One socket; a connection's Lane once one was handed over to it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # no deflate: it costs each connection 30 KiB, and each of its events a deflation
        self.conn.available_extensions = None
        self.connection: Connection | None = None
        self.deadline: TimerHandle | None = None
        self.discarding = False
        """What comes is read and thrown away: the socket only waits for its end."""
        self.bucket: Bucket | None = None
        self.unread = bytearray()
        self.slicing = False
        """The rest of `unread` is read in the turns to come; until then the transport reads nothing."""

    # -- the extension

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.read_paused = True  # until the application asks for what comes: it may be busy with who this is
            self.transport.pause_reading()
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = self

    def carry(self, connection: Connection, refusal: tuple[int, str] | None) -> None:
        """Called when the handshake was accepted: from here on the socket is this connection's."""
        if self.disconnected:
            return
        self.connection = connection
        self.conn.max_message_size = connection.limits.message_bytes
        rate, burst = connection.limits.frames_per_second, connection.limits.frames_burst
        self.bucket = Bucket(_FRAGMENTS * rate, _FRAGMENTS * burst, self.loop.time)
        connection.open(refusal)
        # uvicorn closes when the application returns or raises, unless such a timer is set
        self.close_timer = self.loop.call_later(0, _nothing)
        while not self.queue.empty():
            self._deliver_queued(self.queue.get_nowait())
        self.resume_reading()

    def _deliver_queued(self, message: Any) -> None:
        """What came between the accept and the handing over."""
        if message["type"] == "websocket.disconnect":
            self._lose()
        elif self.connection and message.get("text") is not None:
            self.connection.receive(message["text"].encode())
        elif self.connection:
            self.connection.receive(message["bytes"], binary=True)

    # -- what comes in

    def data_received(self, data: bytes) -> None:
        """A little at a time, with a turn of the loop between: a reader is given megabytes at once, and tiny frames in
        them, or frames that are costly to carry out, would keep everybody else waiting."""
        self.unread += data
        if not self.slicing:
            self._read_some()

    def _read_some(self) -> None:
        if not self.discarding:
            some = bytes(self.unread[:_SLICE])
            del self.unread[:_SLICE]
            self._parse(some)
        if self.discarding:
            self.unread.clear()
        if self.unread and not self.slicing:
            self.transport.pause_reading()
        elif self.slicing and not self.unread and not self.read_paused:
            self.transport.resume_reading()
        self.slicing = bool(self.unread)
        if self.slicing:
            self.loop.call_soon(self._read_some)

    def _parse(self, data: bytes) -> None:
        self.conn.receive_data(data)
        if self.bucket and not self.bucket.admit(len(self.conn.events)):
            self._fail(1008, "too many frames")
            return
        self.handle_events()
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()
        elif self.conn.parser_exc is not None and not self.discarding:
            self.handle_parser_exception()

    def _refuse_handshake(self) -> None:
        """websockets has a response ready for a head that it does not like; uvicorn does not send it."""
        self._flush()
        self.close_sent = self.handshake_complete = self.discarding = True
        self.transport.close()

    def send_receive_event_to_app(self) -> None:
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        binary = self.curr_msg_data_type == "bytes"
        if self.close_sent:
            self.frames = []
        elif not binary and not _is_utf8(data):
            self._fail(1007, "text has to be UTF-8")
        elif self.connection is None:
            super().send_receive_event_to_app()
        else:
            self.frames = []
            self.connection.receive(bytes(data), binary)
            if self.connection and self.connection.full and not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            if not self.slicing:
                self.transport.resume_reading()

    def handle_ping(self) -> None:
        if self.connection and self.connection.outbox.paused:
            self.conn.data_to_send()  # who takes nothing gets no pongs either; it may ask again
        elif not self.discarding:
            super().handle_ping()

    def handle_close(self, event: Frame) -> None:
        if self.discarding:
            return
        if self.connection is None:
            super().handle_close(event)
            return
        self._flush()  # the echo, where the peer began
        self.close_sent = True
        self._lose()
        self.transport.close()
        self.expire(self.close_timeout)

    # -- what goes out

    def write(self, batch: Batch) -> None:
        self.transport.write(batch.wire)

    @property
    def taken(self) -> int:
        return -self.transport.get_write_buffer_size()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.connection:
            self.connection.outbox.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.connection:
            self.connection.outbox.resume()

    def _flush(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))

    # -- its ends

    def close(self, code: int, reason: str) -> None:
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
            self._flush()
        self.close_sent = True
        self.resume_reading()

    def expire(self, seconds: float) -> None:
        if self.deadline is None:
            self.deadline = self.loop.call_later(seconds, self.transport.abort)

    def abort(self) -> None:
        self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        if event.data or event.fin:  # empty ones would pile up, and never make a message too big
            super().handle_cont(event)

    def _fail(self, code: int, reason: str) -> None:
        """Close for what came, also where the parser has already answered a close that came behind it."""
        self.conn.data_to_send()
        if not self.close_sent:
            self.transport.write(Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False))
        self._read_on(code, reason)

    def handle_parser_exception(self) -> None:
        """What came is no WebSocket; the parser has a close frame ready that says so."""
        self._flush()
        sent = self.conn.close_sent
        self._read_on(sent.code if sent else 1006, sent.reason if sent else "")

    def _read_on(self, code: int, reason: str) -> None:
        """Throw away what still comes, so that the close that was sent arrives."""
        if not self.handshake_complete:
            self.close_sent = self.discarding = self.disconnected = True
            self.transport.abort()
            return
        self.close_sent = self.discarding = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._lose()
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.expire(self.close_timeout)

    def keepalive_timeout(self) -> None:
        stuck = self.transport.get_write_buffer_size() > 0
        super().keepalive_timeout()
        if stuck:  # its close would wait behind what the peer does not take
            self.transport.abort()

    def shutdown(self) -> None:
        if self.connection is None:
            super().shutdown()
            return
        self.stop_keepalive()
        self.connection.close(1012, f"retry-after={random.uniform(0.1, 5):.1f}")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.discarding = True
        if self.deadline:
            self.deadline.cancel()
        self._lose()

    def _lose(self) -> None:
        connection, self.connection = self.connection, None
        if connection:
            self.discarding = True
            connection.lost()


def _is_utf8(data: bytes) -> bool:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _nothing() -> None: ...
