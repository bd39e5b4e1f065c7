"""A line that loses some commands: the link does not wait for ever for what will not come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import Instance, Journal
from tests.support.proxy import reset
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.redis

FETCH = b"redis.call('XRANGE', KEYS[2], following"
"""What the script has that reads missed events, and no other."""


class Deaf:
    """Forwards to Redis what does not hold its word."""

    word: bytes | None = None
    url: str

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.lost = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if self.word and self.word in data:
                    self.lost.set()
                else:
                    writer.write(data)
        except OSError:
            pass
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            reset(writer)
        self._writers.clear()


@asynccontextmanager
async def deaf(redis: RedisServer) -> AsyncIterator[Deaf]:
    line = Deaf(redis.port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield line
    finally:
        server.close()
        line.cut()


async def test_a_server_that_is_silent_after_its_greeting_is_given_up(redis_server: RedisServer) -> None:
    async with deaf(redis_server) as line:
        line.word = b"SUBSCRIBE"
        starting = Instance(line.url)
        entering = asyncio.create_task(starting.__aenter__())
        await line.lost.wait()
        line.word = None
        one = await entering
        await one.until_ready_says(200)
        await one.__aexit__()


async def test_who_fetches_what_it_missed_does_not_hold_up_the_link_that_is_back(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch waits for the link. A link that waited for the fetch would hang."""
    monkeypatch.setattr("pattern_stack.atoms.broadcast.bridge.engine._RESUME_SECONDS", 10_000)
    outside = RedisBroadcastBackend(redis_server.url)
    async with deaf(redis_server) as line, Instance(line.url, patience=3_000) as one:
        journal = Journal()
        await one.until_ready_says(200)
        await journal.follow(one.server.url)
        line.word = FETCH
        line.cut()
        await journal.publish(outside, 10)
        await line.lost.wait()
        line.word = None
        line.cut()
        await journal.finish(outside)
        await journal.end()
    await outside.close()
