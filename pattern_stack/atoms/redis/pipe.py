"""Commands to one server: those of one turn of the loop share a pipeline."""

import asyncio
import math
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from pattern_stack.atoms.redis.errors import give_up

Command = tuple[Any, ...]

_COMMAND_SECONDS = 5.0
_BATCH = 512


class Pipe:
    """One connection for commands: those of one turn of the loop leave together, and answers come in their order."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
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
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            if not self._queue:
                self._ready.clear()
            try:
                async with asyncio.timeout(_COMMAND_SECONDS):
                    await self._exchange(batch)
            finally:
                give_up([answer for _, answer in batch], "the link to Redis broke", sent=True)

    async def _exchange(self, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        await self._connection.send_packed_command([pack_command(command) for command, _ in batch])
        for _, answer in batch:
            try:
                value, error = await self._connection.read_response(timeout=math.inf, disconnect_on_error=False), None
            except ResponseError as refusal:
                value, error = None, refusal
            if answer.done():
                continue
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)

    def close(self) -> None:
        give_up([answer for _, answer in self._queue], "the link to Redis is down", sent=False)
        self._queue.clear()
