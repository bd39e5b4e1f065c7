"""A TCP line that a test cuts, stalls, silences and mends: what bad networks look like from both ends."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from tests.support.address import Address
from tests.support.ports import free_port

Way = Literal["up", "down"]
"""Up to the target, or down from it."""


class Proxy(Address):
    """Forwards from a port of its own to the loopback port `target`, which may be changed for connections to come."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self._flows: dict[Way, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._swallowed: set[Way] = set()
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        """Reset every connection at both of its ends. New ones are forwarded."""
        for link in self._links:
            link.reset()

    def refuse(self) -> None:
        """Cut, and refuse new connections."""
        if self._server:
            self._server.close()
            self._server = None
        self.cut()

    def hold(self, *ways: Way) -> None:
        """Stall: bytes and closes of these ways, or of both, wait until `restore`. New connections stall too."""
        for way in ways or self._flows:
            self._flows[way].clear()

    def swallow(self, *ways: Way) -> None:
        """Take the bytes and closes of these ways, or of both, and tell nobody. New connections get no answer."""
        self._swallowed |= set(ways or self._flows)

    async def restore(self) -> None:
        """Forward, and accept, as at first. Connections that lost something are reset: their streams have a hole."""
        self._swallowed.clear()
        for link in self._links:
            if link.has_lost:
                link.reset()
        for flow in self._flows.values():
            flow.set()
        if not self._server:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        self.refuse()
        self._swallowed.clear()
        for flow in self._flows.values():
            flow.set()
        await asyncio.gather(*self._links.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        link = _Link(writer)
        self._links[link] = task
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            link.writers.append(back)
            await asyncio.gather(self._pump(link, "up", reader, back), self._pump(link, "down", there, writer))
        except ConnectionRefusedError:
            link.reset()
        finally:
            del self._links[link]
            link.close()

    async def _pump(self, link: "_Link", way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if await self._passes(link, way):
                    writer.write(data)
                    await writer.drain()
            if await self._passes(link, way):
                writer.write_eof()
        except OSError:  # one end was reset: the other one is, too
            if await self._passes(link, way):
                link.reset()

    async def _passes(self, link: "_Link", way: Way) -> bool:
        await self._flows[way].wait()
        lost = way in self._swallowed
        link.has_lost |= lost
        return not lost


class _Link:
    """One connection, and the one that it is forwarded over."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]
        self.has_lost = False

    def reset(self) -> None:
        for writer in self.writers:
            reset(writer)

    def close(self) -> None:
        for writer in self.writers:
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """RST, not FIN."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    one = Proxy(target)
    await one.restore()
    try:
        yield one
    finally:
        await one.close()
