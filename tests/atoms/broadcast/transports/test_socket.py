"""SocketTransport under a flood: how many bytes one callback of the loop reads."""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any

import pytest

from pattern_stack import Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.transports import socket as module
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.broadcast.websocket.reader import FrameReader
from tests.support.raw import Raw

BOUNDLESS = Limits(frames_per_second=1e9, frames_burst=1e9, bad_frames=10**9, message_bytes=10**7)


@dataclass
class Keepalive:
    ws_ping_interval: float | None = None
    ws_ping_timeout: float | None = None


class Pipe(asyncio.Transport):
    """The transport of the server. It knows whether reading is paused, and drops what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True

    def write(self, data: Any) -> None: ...

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


class Counted(FrameReader):
    """Counts the bytes that it is given."""

    fed = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self.fed += len(data)
        return super().feed(data)


def deflated(text: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    return (compress.compress(text) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4]


FLOODS = {
    "pings": Raw.frame(9, b"") * 170_000,
    "pongs": Raw.frame(10, b"") * 170_000,
    "messages": Raw.frame(1, b'{"ping": 1}') * 60_000,
    "fragments": Raw.frame(1, b"{", fin=False) + Raw.frame(0, b" ", fin=False) * 150_000,
}
COMPRESSED = Raw.frame(0x41, deflated(b'{"ping": "%b"}' % (b"x" * 60))) * 5_000


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_callback_reads_at_most_2048_bytes_of_a_megabyte(flood: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(flood) > 1_000_000
    await read_in_slices(flood, 2_048, monkeypatch)


async def test_a_callback_reads_at_most_128_compressed_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred compressed bytes may inflate to the longest message."""
    await read_in_slices(COMPRESSED, 128, monkeypatch, deflating=True)


async def read_in_slices(flood: bytes, most: int, monkeypatch: pytest.MonkeyPatch, *, deflating: bool = False) -> None:
    """At most `most` bytes in an iteration of the loop, whatever they hold. Other connections wait for no more than that."""
    monkeypatch.setattr(module, "FrameReader", Counted)
    backend = WebSocketBroadcastBackend(limits=BOUNDLESS)
    pipe = Pipe()
    transport = SocketTransport(pipe, asyncio.get_running_loop(), set(), Keepalive(), deflating)
    transport.carry(ClientConnection(backend._instance, transport, None, None), None)
    reader: Any = transport._reader
    before = reader.fed

    transport.data_received(flood)
    while reader.fed < len(flood):
        assert 0 < reader.fed - before <= most
        assert not pipe.reads, "the server goes on reading while bytes wait"
        before = reader.fed
        await asyncio.sleep(0)
    assert reader.failure is None
    assert pipe.reads
    transport.connection_lost(None)
