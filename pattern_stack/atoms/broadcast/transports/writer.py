"""What goes out on one socket: written at once, counted while the peer is slow, with pings in between."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterator
from typing import Protocol

from websockets.frames import Opcode

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.websocket.frames import Batch, control
from pattern_stack.atoms.timing_wheel import timing_wheel

_UNSENT_BYTES = 131_072
"""What the kernel takes at most beyond what is on its way. By default it takes megabytes, which count as written, and
which a ping has to wait for."""
_LONG_BYTES = 2 * 1_048_576
"""A longer message is written in fragments, as the peer takes them: it is not copied for each connection."""
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class Keepalive(Protocol):
    """What uvicorn's configuration says of pings, in seconds; None or 0 is never."""

    ws_ping_interval: float | None
    ws_ping_timeout: float | None


class SocketWriter(asyncio.Protocol):
    """The part of SocketTransport that writes."""

    __slots__ = (
        "_connection",
        "_deflating",
        "_keepalive",
        "_loop",
        "_paused",
        "_pieces",
        "_ping",
        "_ping_taken",
        "_taken",
        "_tick",
        "_transport",
        "_wheel",
        "write_prepared",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, keepalive: Keepalive, deflating: bool
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._wheel = timing_wheel(loop)
        self._keepalive = keepalive
        self._deflating = deflating
        self.write_prepared: Callable[[bytes], None] | None = None if deflating else transport.write
        self._connection: ClientConnection | None = None
        self._ping: bytes | None = None
        """What the ping under way carries, and its pong has to; None where nobody waits for one."""
        self._ping_taken = 0
        """What had been taken when it was sent, or looked after last."""
        self._taken = 0
        self._paused: int | None = None
        """While the transport is full: the bytes that it has been given, those that it held then among them."""
        self._tick = 0
        """When the next ping, or its pong, is due; 0 where there is none."""
        self._pieces: Iterator[bytes] | None = None
        """What is left of a long message, while the transport is full."""

    def _fail(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def write(self, batch: Batch) -> bool:
        if batch.size > _LONG_BYTES:
            self._pieces = batch.fragments(self._deflating)
            self._write_pieces()
        else:
            self._send(batch.deflated if self._deflating else batch.wire)
        return True

    def _write_pieces(self) -> bool:
        """As much of a long message as the transport takes now. True where nothing is left of it."""
        while self._pieces is not None:
            if self._paused is not None:
                return False
            piece = next(self._pieces, None)
            if piece is None:
                self._pieces = None
            else:
                self._send(piece)
        return True

    def _control(self, opcode: int, data: bytes) -> None:
        self._send(control(opcode, data))

    def _send(self, data: bytes) -> None:
        if self._paused is not None:
            self._paused += len(data)
        self._transport.write(data)

    @property
    def taken(self) -> int:
        """Bytes that left the buffer while the transport was full: a number that never falls, whatever is written."""
        if self._paused is None:
            return self._taken
        return self._taken + self._paused - self._transport.get_write_buffer_size()

    def pause_writing(self) -> None:
        self._paused = self._transport.get_write_buffer_size()
        if self._connection:
            self._connection.outbox.pause()

    def resume_writing(self) -> None:
        self._taken, self._paused = self.taken, None
        if self._write_pieces() and self._connection:
            self._connection.outbox.resume()

    # -- pings

    def _schedule_ping(self) -> None:
        self._ping = None
        self._set_alarm(self._keepalive.ws_ping_interval)

    def _set_alarm(self, seconds: float | None) -> None:
        if seconds:
            self._tick = self._wheel.set(self, seconds)

    def ring(self) -> None:
        """A ping is due, or its pong."""
        if not self._tick:  # it stopped in this moment
            return
        self._tick = 0
        if self._ping is None:
            self._send_ping()
        else:
            self._unanswered()

    def _send_ping(self) -> None:
        self._ping = random.randbytes(4)
        self._ping_taken = self.taken
        self._control(Opcode.PING, self._ping)
        self._await_pong()

    def _await_pong(self) -> None:
        if self._keepalive.ws_ping_timeout:
            self._set_alarm(self._keepalive.ws_ping_timeout)
        else:
            self._schedule_ping()

    def _answered(self, data: bytes) -> None:
        if data == self._ping:
            self._stop_pings()
            self._schedule_ping()

    def _unanswered(self) -> None:
        taken = self.taken
        if taken > self._ping_taken:  # the ping waits, or waited until now, behind what the peer takes: it is alive
            self._ping_taken = taken
            self._await_pong()
        elif self._transport.get_write_buffer_size():  # a close would wait behind what the peer does not take
            self._transport.abort()
        else:
            self._fail(1011, "a ping was not answered")
            self._transport.close()

    def _stop_pings(self) -> None:
        if self._tick:
            self._wheel.clear(self, self._tick)
            self._tick = 0


def bound_kernel_buffer(transport: asyncio.Transport) -> None:
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        bound_socket(connection)


def bound_socket(connection: socket.socket) -> None:
    """Of a listening socket: those that it accepts have the bound from it. No other platform has it, nor has a Unix socket,
    whose buffer is small."""
    if _TCP_NOTSENT_LOWAT is not None and connection.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
