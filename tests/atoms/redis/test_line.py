"""A slow answer is waited for while it is on its way; silence is not. The time is the loop's, in the test's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from pattern_stack.atoms.redis import LinkDown
from pattern_stack.atoms.redis.line import Line
from pattern_stack.atoms.redis.pipe import _SILENT_SECONDS, Pipe
from pattern_stack.atoms.redis.url import dialler

STEP = _SILENT_SECONDS / 4
ANSWER = b"x" * 20


class Dribble:
    """A server that takes everything, and says what a test tells it to say."""

    writer: asyncio.StreamWriter

    def __init__(self) -> None:
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await _read(reader):
            if b"CLIENT" in data:  # what a connection says when it begins
                writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
            else:
                self.asked.set()
        writer.close()
        self.left.set()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Nothing where the other end is gone."""
    with suppress(ConnectionResetError):
        return await reader.read(65_536)
    return b""


class Pace:
    """The loop's clock, moved by hand; and what has moved on a line."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._true = self._loop.time
        self._ahead = 0.0
        self._loop.time = lambda: self._true() + self._ahead  # type: ignore[method-assign]

    async def step(self) -> None:
        """One of the four quiet steps after which a line is given up; whatever is due happens."""
        self._ahead += STEP
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def dribbling(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Dribble, Pipe, asyncio.Queue[None]]]:
    """A pipe to such a server, and a queue that has an item for each time that something came."""
    dribble = Dribble()
    server = await asyncio.start_server(dribble.serve, "127.0.0.1", 0)
    dial, _ = dialler(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    came: asyncio.Queue[None] = asyncio.Queue()
    moved = Line._moved

    def tell(line: Line) -> None:
        moved(line)
        came.put_nowait(None)

    monkeypatch.setattr(Line, "_moved", tell)
    line = Line(dial)
    await line.connect()
    pipe = Pipe(line)
    running = asyncio.create_task(pipe.run())
    try:
        async with asyncio.timeout(1_000 * _SILENT_SECONDS):  # far beyond what a test moves the clock by
            yield dribble, pipe, came
    finally:
        running.cancel()
        await asyncio.wait([running])
        await line.abort()
        await dribble.left.wait()
        server.close()


async def ask(dribble: Dribble, pipe: Pipe, came: asyncio.Queue[None]) -> "asyncio.Future[bytes]":
    answer = pipe.call(("GET", "a"))
    await dribble.asked.wait()
    while not came.empty():
        came.get_nowait()
    return answer


async def test_an_answer_that_comes_byte_by_byte_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dribbling(monkeypatch) as (dribble, pipe, came):
        answer = await ask(dribble, pipe, came)
        pace = Pace()
        for byte in b"$%d\r\n%b\r\n" % (len(ANSWER), ANSWER):
            for _ in range(3):
                await pace.step()
            dribble.writer.write(bytes([byte]))
            await came.get()
        assert await answer == ANSWER


async def test_silence_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dribbling(monkeypatch) as (dribble, pipe, came):
        answer = await ask(dribble, pipe, came)
        pace = Pace()
        dribble.writer.write(b"$20\r\nxx")
        await came.get()
        for _ in range(5):
            await pace.step()
        with pytest.raises(LinkDown) as lost:
            await answer
        assert lost.value.sent


async def test_a_loop_that_was_held_up_looks_at_its_sockets_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has not read what has come meanwhile."""
    async with dribbling(monkeypatch) as (dribble, pipe, came):
        answer = await ask(dribble, pipe, came)
        pace = Pace()
        pace._ahead += 100 * _SILENT_SECONDS
        dribble.writer.write(b"$%d\r\n%b\r\n" % (len(ANSWER), ANSWER))
        assert await answer == ANSWER
