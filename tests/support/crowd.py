"""Many clients that come back to one channel at the same time, as little work for the test as can be."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_HEAD = (
    "GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Member(asyncio.Protocol):
    """Subscribes to one channel after a position, and counts the events, which have to follow each other."""

    def __init__(self, port: int, channel: str, since: dict[str, Any]) -> None:
        self._port = port
        self._channel = channel
        self._since = since
        self._marker = f'{{"channel":"{channel}",'.encode()
        self._rest = b""
        self._opened = False
        self._moved = asyncio.Event()
        self.offset: int = since["offset"]
        self.refusals: list[dict[str, Any]] = []
        self.reply: dict[str, Any] | None = None

    async def until(self, offset: int) -> None:
        """It has the event with this offset, or was refused."""
        while self.offset < offset and not self.refusals:
            self._moved.clear()
            await self._moved.wait()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        transport.write(_HEAD.format(port=self._port).encode())

    def connection_lost(self, error: Exception | None) -> None:
        self._refused({"lost": repr(error)})

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._opened:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self._opened, data = True, rest
            self._subscribe()
        self._rest = data[self._read(data) :]

    def _subscribe(self) -> None:
        frame = json.dumps({"subscribe": [self._channel], "since": {self._channel: self._since}, "id": 1}).encode()
        self.transport.write(b"\x81" + struct.pack("!BH", 0x80 | 126, len(frame)) + bytes(4) + frame)  # a mask of zeros

    def _read(self, data: bytes) -> int:
        """The bytes that were whole frames."""
        at = 0
        while len(data) - at >= 2:
            size, begin = data[at + 1], at + 2
            if size >= 126:
                begin += 2 if size == 126 else 8
                size = int.from_bytes(data[at + 2 : begin])
            if len(data) < begin + size:
                break
            if data[at] == 0x81:
                self._message(data, begin, begin + size)
            at = begin + size
        return at

    def _message(self, data: bytes, begin: int, end: int) -> None:
        if data.startswith(self._marker, begin):
            offset = int(data[data.rindex(b":", begin, end) + 1 : end - 1])
            if offset != self.offset + 1:
                self._refused({"expected": self.offset + 1, "got": offset})
            self.offset = offset
            self._moved.set()
            return
        message = json.loads(data[begin:end])
        if "subscribed" in message:
            self.reply = message["subscribed"].get(self._channel)
        elif "error" in message or self._channel in message.get("reset", ()):
            self._refused(message)

    def _refused(self, message: dict[str, Any]) -> None:
        self.refusals.append(message)
        self._moved.set()


@asynccontextmanager
async def crowd(port: int, count: int, channel: str, since: dict[str, Any]) -> AsyncIterator[list[Member]]:
    """So many members, all of them connecting at once; cut off at the end of the block."""
    loop = asyncio.get_running_loop()

    async def join() -> Member:
        transport, member = await loop.create_connection(lambda: Member(port, channel, since), "127.0.0.1", port)
        transports.append(transport)
        return member

    transports: list[asyncio.BaseTransport] = []
    try:
        yield await asyncio.gather(*(join() for _ in range(count)))
    finally:
        for transport in transports:
            transport.abort()  # type: ignore[attr-defined]
