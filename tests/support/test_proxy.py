"""A line in trouble, seen from its two ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy, proxy, reset


class End:
    """Of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader

    @property
    def has_heard(self) -> bool:
        return bool(self._reader._buffer)  # type: ignore[attr-defined]

    def say(self, text: str) -> None:
        self.writer.write(text.encode())

    async def hear(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self._reader.readexactly(len(text)) == text.encode()

    async def hears_the_end(self) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self._reader.read() == b""

    async def is_reset(self) -> None:
        """Before anything else came."""
        with pytest.raises(ConnectionResetError):
            await self.hears_the_end()


class Far:
    """A server that takes connections and leaves what they say to the test."""

    def __init__(self) -> None:
        self._accepted: asyncio.Queue[End] = asyncio.Queue()
        self._ends: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(self) -> asyncio.Server:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._ends.append(writer)
            self._accepted.put_nowait(End(reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def connected(self, port: int) -> tuple[End, End]:
        """Both ends of a new connection."""
        near = End(*await asyncio.open_connection("127.0.0.1", port))
        self._ends.append(near.writer)
        async with asyncio.timeout(PATIENCE):
            return near, await self._accepted.get()

    def close(self) -> None:
        for writer in self._ends:
            writer.transport.abort()


@asynccontextmanager
async def listening() -> AsyncIterator[Far]:
    far = Far()
    server = await far.start()
    try:
        yield far
    finally:
        server.close()
        far.close()


@asynccontextmanager
async def between() -> AsyncIterator[tuple[Proxy, Far, End, End]]:
    """The line, the server, and both ends of a connection over it."""
    async with listening() as far, proxy(far.port) as line:
        near, there = await far.connected(line.port)
        near.say("hello")
        await there.hear("hello")
        there.say("you too")
        await near.hear("you too")
        yield line, far, near, there


async def nothing_on_its_way(far: Far) -> None:
    """What was said before would have arrived by now: words said later, over as many hops, have."""
    async with proxy(far.port) as other:
        near, there = await far.connected(other.port)
        near.say("marker")
        await there.hear("marker")
        there.say("marker")
        await near.hear("marker")


async def test_a_close_of_one_end_is_one_for_the_other() -> None:
    async with between() as (_, _, near, there):
        near.writer.write_eof()
        await there.hears_the_end()
        there.say("last words")
        there.writer.close()
        await near.hear("last words")
        await near.hears_the_end()


async def test_a_reset_of_one_end_is_one_for_the_other() -> None:
    async with between() as (_, _, near, there):
        reset(near.writer)
        await there.is_reset()


async def test_cut_both_ends_are_reset_and_a_new_connection_works() -> None:
    async with between() as (line, far, near, there):
        line.cut()
        await near.is_reset()
        await there.is_reset()
        near, there = await far.connected(line.port)
        near.say("again")
        await there.hear("again")


async def test_refused_until_it_is_restored() -> None:
    async with between() as (line, far, near, there):
        line.refuse()
        await near.is_reset()
        await there.is_reset()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", line.port)
        await line.restore()
        near, there = await far.connected(line.port)
        near.say("again")
        await there.hear("again")


async def test_swallowed_neither_end_hears_or_learns_anything_until_a_reset() -> None:
    async with between() as (line, far, near, there):
        line.swallow()
        near.say("lost")
        there.say("lost")
        new, _ = await far.connected(line.port)
        new.say("lost")
        there.writer.write_eof()
        await nothing_on_its_way(far)
        await line.restore()
        for end in (near, there, new):
            await end.is_reset()
        near, there = await far.connected(line.port)
        near.say("again")
        await there.hear("again")


async def test_swallowed_on_the_way_down_the_request_arrives_and_its_answer_is_lost() -> None:
    async with between() as (line, far, near, there):
        line.swallow("down")
        near.say("request")
        await there.hear("request")
        there.say("answer")
        await nothing_on_its_way(far)
        await line.restore()
        await near.is_reset()


async def test_swallowed_on_the_way_up_only_the_target_is_heard() -> None:
    async with between() as (line, far, near, there):
        line.swallow("up")
        near.say("request")
        there.say("news")
        await near.hear("news")
        await nothing_on_its_way(far)
        await line.restore()
        await there.is_reset()


async def test_what_was_silent_while_nothing_was_said_goes_on() -> None:
    async with between() as (line, _, near, there):
        line.swallow()
        await line.restore()
        near.say("still here")
        await there.hear("still here")


async def test_held_everything_arrives_afterwards_closes_too() -> None:
    async with between() as (line, far, near, there):
        line.hold()
        near.say("one ")
        near.say("two")
        near.writer.write_eof()
        there.say("three")
        await nothing_on_its_way(far)
        assert not there.has_heard
        await line.restore()
        await there.hear("one two")
        await there.hears_the_end()
        await near.hear("three")


async def test_it_can_be_moved_to_another_target() -> None:
    async with between() as (line, _, near, there), listening() as other:
        line.target = other.port
        near.say("old")
        await there.hear("old")
        new, elsewhere = await other.connected(line.port)
        new.say("new")
        await elsewhere.hear("new")


async def test_without_a_target_connections_are_reset() -> None:
    async with proxy(1) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        await End(reader, writer).is_reset()
        writer.close()


@pytest.mark.parametrize("trouble", [Proxy.hold, Proxy.swallow, Proxy.cut, Proxy.refuse])
async def test_it_ends_whatever_its_state(trouble: Callable[[Proxy], None]) -> None:
    async with between() as (line, _, near, there):
        trouble(line)
        near.say("more")
        there.say("more")
    assert not line._links
