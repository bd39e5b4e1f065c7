"""Statements over one session, one after the other, and the deadline of each."""

import asyncio
from collections import deque
from typing import Any

from pattern_stack.atoms.postgres.errors import Failed, LinkDown, give_up, in_short
from pattern_stack.atoms.postgres.session import Row, Session

_FORBIDDEN = "42501"
"""A right was taken away: a new connection looks which one, and readiness says that nothing works until it is back."""

Answer = asyncio.Future[list[Row]]


class Pipe:
    """A session on which an answer does not come in time is broken."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._queue: deque[tuple[str, tuple[Any, ...], Answer]] = deque()
        self._ready = asyncio.Event()

    def call(self, statement: str, *parameters: Any) -> Answer:
        """Its rows; Failed or LinkDown."""
        answer: Answer = asyncio.get_running_loop().create_future()
        self._queue.append((statement, parameters, answer))
        self._ready.set()
        return answer

    async def run(self) -> None:
        """Until the connection breaks, which it raises."""
        while True:
            await self._ready.wait()
            while self._queue:
                await self._carry_out(*self._queue.popleft())
            self._ready.clear()

    async def _carry_out(self, statement: str, parameters: tuple[Any, ...], answer: Answer) -> None:
        try:
            rows = await self.session.run(statement, *parameters)
        except Failed as error:
            if error.code == _FORBIDDEN:
                lost = LinkDown(in_short(error), sent=False)
                give_up(answer, lost)
                raise lost from error
            give_up(answer, error)
        except BaseException as error:
            give_up(
                answer, error if isinstance(error, LinkDown) else LinkDown("the link to PostgreSQL broke", sent=True)
            )
            raise
        else:
            if not answer.done():
                answer.set_result(rows)

    def close(self) -> None:
        for *_, answer in self._queue:
            give_up(answer, LinkDown("the link to PostgreSQL is down", sent=False))
        self._queue.clear()
