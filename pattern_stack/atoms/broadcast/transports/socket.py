"""SocketTransport: one socket after its handshake, straight on the server's transport. No task, no queue, no coroutine."""

import asyncio
import random
from typing import Any

from websockets.frames import Close, Opcode

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.rate_limit import Bucket
from pattern_stack.atoms.broadcast.transports.half_close import half_close
from pattern_stack.atoms.broadcast.transports.writer import Keepalive, SocketWriter, bound_kernel_buffer
from pattern_stack.atoms.broadcast.websocket.reader import FrameReader

_SLICE = 2_048
_DEFLATED_SLICE = 128
"""Bytes read in a turn. A hundred that are compressed may become a message as long as a message may be."""
_FRAGMENTS = 10
"""Frames of any kind, control frames and fragments too, for each message that a connection may send."""
_CLOSE_SECONDS = 10.0
_LINGER_SECONDS = 1.0
"""How long what comes behind a failure is thrown away where a socket cannot be half closed (TLS): peers wait for its end."""
_RETURN_SECONDS = 5


class SocketTransport(SocketWriter):
    """`siblings` is the server's set of open sockets: it waits for them when it stops."""

    lane, queued = "websocket", False

    __slots__ = (
        "_bucket",
        "_closing",
        "_deadline",
        "_discarding",
        "_reader",
        "_siblings",
        "_slicing",
        "_unread",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        siblings: set[Any],
        keepalive: Keepalive,
        deflating: bool,
    ) -> None:
        super().__init__(transport, loop, keepalive, deflating)
        self._siblings = siblings
        self._reader: FrameReader
        self._bucket: Bucket
        self._unread: bytearray | None = None
        """What is read in the turns to come; until then the transport reads nothing."""
        self._slicing = False
        self._closing = False
        """A close was sent."""
        self._discarding = False
        """What comes is read and thrown away: the socket only waits for its end."""
        self._deadline: asyncio.TimerHandle | None = None

    def carry(
        self,
        connection: ClientConnection,
        refusal: tuple[int, str] | None,
        early: bytes = b"",
        *,
        bounded: bool = False,
    ) -> None:
        """From here on the socket is this connection's. `refusal`: the code and reason to close with at once. `early`: what
        has come behind the handshake. `bounded`: see bound_socket."""
        limits = connection.limits
        self._reader = FrameReader(limits.message_bytes, self._deflating)
        self._bucket = Bucket(_FRAGMENTS * limits.frames_per_second, _FRAGMENTS * limits.frames_burst, self._loop.time)
        self._siblings.add(self)
        self._transport.set_protocol(self)
        self._connection = connection
        if not bounded:
            bound_kernel_buffer(self._transport)
        self._schedule_ping()
        connection.open(refusal)
        if early:
            self.data_received(early)
        self.resume_reading()

    # -- what comes in

    def data_received(self, data: bytes) -> None:
        """A little at a time, with a turn of the loop between: a reader is given megabytes at once, and tiny frames in
        them, or frames that are costly to carry out, would keep everybody else waiting."""
        if self._discarding:
            return
        if self._unread is not None:
            self._unread += data
        elif len(data) <= self._slice:
            self._read(data)
        else:
            self._unread = bytearray(data)
            self._transport.pause_reading()
            self._read_some()

    @property
    def _slice(self) -> int:
        return _DEFLATED_SLICE if self._deflating else _SLICE

    def _read_some(self) -> None:
        self._slicing = False
        if self._unread is None:
            return
        some = bytes(self._unread[: self._slice])
        del self._unread[: self._slice]
        self._unread = self._unread or None
        self._read(some)
        self.resume_reading()

    def resume_reading(self) -> None:
        if self._connection and self._connection.full:
            return
        if self._unread is None:
            self._transport.resume_reading()
        elif not self._slicing:
            self._slicing = True
            self._loop.call_soon(self._read_some)

    def _read(self, data: bytes) -> None:
        before = self._reader.seen
        ready = self._reader.feed(data)
        if not self._bucket.admit(self._reader.seen - before):
            self._fail(1008, "too many frames")
        for opcode, message in ready:
            if self._discarding:
                return
            self._take_up(opcode, message)
        if self._reader.failure and not self._discarding:
            self._fail(self._reader.failure.code, self._reader.failure.reason)

    def _take_up(self, opcode: int, data: bytes) -> None:
        if opcode == Opcode.PING:
            # no pong while the write buffer is full, or it would grow
            if self._may_pong:
                self._control(Opcode.PONG, data)
        elif opcode == Opcode.PONG:
            self._answered(data)
        elif opcode == Opcode.CLOSE:
            self._end(data)
        elif self._connection and not self._closing:
            self._connection.receive(data, opcode == Opcode.BINARY)
            if self._connection and self._connection.full:
                self._transport.pause_reading()

    @property
    def _may_pong(self) -> bool:
        connection = self._connection
        return (
            not (self._closing or self._transport.is_closing())
            and connection is not None
            and not connection.outbox.blocked
        )

    # -- its ends

    def close(self, code: int, reason: str) -> None:
        self._pieces = None
        if not self._closing:
            self._closing = True
            self._stop_pings()
            self._control(Opcode.CLOSE, Close(code, reason).serialize())
        self.resume_reading()

    def expire(self, seconds: float) -> None:
        if self._deadline is None:
            self._deadline = self._loop.call_later(seconds, self._transport.abort)

    def abort(self) -> None:
        self._transport.abort()

    def shutdown(self) -> None:
        """The server stops."""
        if self._connection:
            self._connection.close(1012, f"retry-after={random.uniform(0.1, _RETURN_SECONDS):.1f}")

    def _end(self, payload: bytes) -> None:
        """The peer's close, or its answer to ours."""
        if not self._closing:
            self._closing = True
            self._control(Opcode.CLOSE, payload)
        self._lose(Close.parse(payload).code)
        self._transport.close()
        self.expire(_CLOSE_SECONDS)

    def _fail(self, code: int, reason: str) -> None:
        """Close for what came, and throw away what still comes, so that the close arrives."""
        if not self._closing:
            self._closing = True
            self._control(Opcode.CLOSE, Close(code, reason).serialize())
        self._lose(code)
        self._transport.resume_reading()
        if not half_close(self._transport):
            self._loop.call_later(_LINGER_SECONDS, self._transport.close)
        self.expire(_CLOSE_SECONDS)

    def eof_received(self) -> None:
        """The peer can say nothing any more, not even a close. The transport closes behind what it still has."""
        self._lose()
        self.expire(_CLOSE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._siblings.discard(self)
        self._lose()
        if self._deadline:
            self._deadline.cancel()

    def _lose(self, code: int = 1006) -> None:
        self._discarding = True
        self._unread = self._pieces = None
        self._stop_pings()
        connection, self._connection = self._connection, None
        if connection:
            connection.lost(code)
