"""Clients that read slowly, and all the time: what they take counts as life, and the kernel holds little of it."""

import asyncio
import fcntl
import struct
from typing import Any

import pytest
from websockets.frames import Opcode

from pattern_stack import Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame
from tests.support.raw import Raw
from tests.support.server import serving_backend, until
from tests.support.timers import Loop

HIGH = 65_536
SIOCOUTQ = 0x5411


class Pipe(asyncio.Transport):
    """A transport whose peer takes as much as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = self.total = 0
        self.paused = self.aborted = self.closed = False
        self.last = b""

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        self.last = data
        self.waiting += len(data)
        self.total += len(data)
        if self.waiting > HIGH and not self.paused:
            self.paused = True
            self.protocol.pause_writing()

    def take(self, count: int) -> None:
        self.waiting -= min(count, self.waiting)
        if self.paused and self.waiting <= HIGH // 4:
            self.paused = False
            self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


class Keepalive:
    ws_ping_interval = 20.0
    ws_ping_timeout = 20.0


class One:
    """A connection on a Pipe, in the hub of a backend."""

    def __init__(self) -> None:
        self.backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=10**9))
        self.pipe, self.timers = Pipe(), Loop()
        self.transport = SocketTransport(self.pipe, self.timers, set(), Keepalive(), False)  # type: ignore[arg-type]
        self.connection = ClientConnection(self.backend._instance, self.transport, None, None)
        self.transport.carry(self.connection, None)

    def send(self, size: int) -> None:
        self.connection.outbox.take(Batch([Frame(b"x" * size)]))

    def pong(self, ping: bytes) -> None:
        data = ping[2:]
        self.transport.data_received(bytes([0x80 | Opcode.PONG, 0x80 | len(data)]) + bytes(4) + data)

    def end(self) -> None:
        self.transport.connection_lost(None)


@pytest.fixture
async def one() -> Any:
    one = One()
    yield one
    one.end()


async def test_what_was_taken_never_falls(one: One) -> None:
    before = one.transport.taken
    for size, taken in [
        (100_000, 10),
        (5, 60_000),
        (70_000, 0),
        (3, 100_000),
        (200_000, 30_000),
        (9, 10**9),
        (70_000, 1),
    ]:
        one.send(size)
        one.pipe.take(taken)
        assert one.transport.taken >= before
        before = one.transport.taken


async def test_a_client_that_takes_a_little_each_time_is_not_stalled(one: One) -> None:
    one.send(500_000)
    for _ in range(50):
        one.send(20_000)  # more than it takes: what waits grows all the time
        one.pipe.take(10_000)
        one.connection.check()
        assert not one.pipe.aborted
    one.connection.check()
    assert one.pipe.aborted


async def test_a_ping_that_waits_behind_what_the_client_takes_does_not_end_it(one: One) -> None:
    one.send(500_000)
    one.timers.pass_time(20.2)  # the ping
    ping = one.pipe.last
    assert ping[0] & 0x0F == Opcode.PING
    for _ in range(20):
        one.pipe.take(10_000)
        one.timers.pass_time(20.2)  # its time is up
        assert not one.pipe.aborted
        assert not one.pipe.closed
    one.pong(ping)
    one.timers.pass_time(20.2)
    assert one.pipe.last[0] & 0x0F == Opcode.PING
    assert one.pipe.last != ping


async def test_a_ping_behind_what_nobody_takes_ends_it(one: One) -> None:
    one.send(500_000)
    one.timers.pass_time(20.2)
    one.pipe.take(10_000)
    one.timers.pass_time(20.2)
    assert not one.pipe.aborted
    one.timers.pass_time(20.2)
    assert one.pipe.aborted


async def test_a_ping_that_went_out_and_is_not_answered_ends_it(one: One) -> None:
    one.timers.pass_time(20.2)
    one.pipe.take(10**6)
    one.timers.pass_time(20.2)
    assert int.from_bytes(one.pipe.last[2:4]) == 1011
    assert one.pipe.closed


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_the_kernel_holds_little_for_a_client_that_reads_nothing(loop: str) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config={"ws_ping_interval": None, "loop": loop}) as server:
        raw = await asyncio.to_thread(Raw, server.port, receive_buffer=4_096)
        raw.text({"subscribe": ["a"], "id": 1})
        await asyncio.to_thread(raw.message)
        (transport,) = server.server_state.connections

        async def fill() -> int:
            while not transport._connection.outbox.blocked:
                await backend.broadcast("a", "x", {"x": "x" * 8_000})
                await asyncio.sleep(0)
            connection = transport._transport.get_extra_info("socket")
            return struct.unpack("i", fcntl.ioctl(connection.fileno(), SIOCOUTQ, bytes(4)))[0]

        assert 0 < await server.acall(fill) < 400_000  # by default megabytes
        raw.reset()
        await until(server, lambda: not server.server_state.connections)
