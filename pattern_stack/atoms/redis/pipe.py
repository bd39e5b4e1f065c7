"""Commands to one server: those of one turn of the loop share a pipeline."""

import asyncio
from typing import Any

from hiredis import pack_command
from redis.exceptions import ResponseError

from pattern_stack.atoms.redis.errors import give_up
from pattern_stack.atoms.redis.line import Line

Command = tuple[Any, ...]

_SILENT_SECONDS = 5.0
_BATCH_COMMANDS = 512
_BATCH_BYTES = 1_048_576
_SCANNED = 1_000


class Pipe:
    """One connection for commands: those of one turn of the loop leave together, and answers come in their order.

    A connection on which nothing moves for 5 s, while answers are due, is broken.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self._queue: list[tuple[Command, asyncio.Future[Any]]] = []
        self._ready = asyncio.Event()

    def call(self, command: Command) -> asyncio.Future[Any]:
        """Its answer; ResponseError or LinkDown."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((command, answer))
        self._ready.set()
        return answer

    async def run(self) -> None:
        """Until the connection breaks, which it raises."""
        while True:
            await self._ready.wait()
            packed, answers = self._next_batch()
            try:
                async with self.line.moving(_SILENT_SECONDS):
                    await self.line.send(packed)
                    for answer in answers:
                        await self._settle(answer)
            finally:
                give_up(answers, "the link to Redis broke", sent=True)

    def _next_batch(self) -> tuple[bytes, list[asyncio.Future[Any]]]:
        parts: list[bytes] = []
        size = 0
        for command, _ in self._queue[:_BATCH_COMMANDS]:
            if parts and size > _BATCH_BYTES:
                break
            parts.append(pack_command(command))
            size += len(parts[-1])
        batch, self._queue = self._queue[: len(parts)], self._queue[len(parts) :]
        if not self._queue:
            self._ready.clear()
        return b"".join(parts), [answer for _, answer in batch]

    async def _settle(self, answer: asyncio.Future[Any]) -> None:
        try:
            value, error = await self.line.answer(), None
        except ResponseError as refusal:
            value, error = None, refusal
        if answer.done():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)

    def close(self) -> None:
        give_up([answer for _, answer in self._queue], "the link to Redis is down", sent=False)
        self._queue.clear()


async def scan(pipe: Pipe, pattern: str) -> list[bytes]:
    """The keys of its server that match, each at least once."""
    cursor, keys = b"", list[bytes]()
    while cursor != b"0":
        cursor, some = await pipe.call(("SCAN", cursor or b"0", "MATCH", pattern, "COUNT", _SCANNED))
        keys += some
    return keys
