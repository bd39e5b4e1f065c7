"""A TCP proxy that can fall silent: what a phone in a tunnel looks like from both ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards to one port. While `silent`, what it reads goes nowhere, and nobody is told."""

    port: int

    def __init__(self, target: int) -> None:
        self.silent = False
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        if not self.silent:
            writer.close()

    def _end(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    one = Proxy(target)
    server = await asyncio.start_server(one._serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one._end()
        server.close()
