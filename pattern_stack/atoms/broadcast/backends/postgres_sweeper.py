"""Removes what has run out of the tables, a few channels at a time."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from pattern_stack.atoms.postgres import Failed, LinkDown, Row
from pattern_stack.atoms.tasks import Tasks

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 600.0
_CHANNELS = 200
"""In one transaction."""


class Sweeper:
    """All instances have one, and in 10 minutes one of them sweeps: the database says which."""

    def __init__(self, carry_out: Callable[..., Awaitable[list[Row]]]) -> None:
        self._carry_out = carry_out
        self._tasks = Tasks()
        self._runs = False

    @property
    def trouble(self) -> str | None:
        return self._tasks.trouble

    def start(self) -> None:
        if not self._runs:
            self._runs = True
            self._tasks.start("the sweep of PostgreSQL's tables", self._run())

    async def stop(self) -> None:
        self._runs = False
        await self._tasks.stop()

    def forget(self) -> None:
        """The loop was closed."""
        self._runs = False
        self._tasks = Tasks()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS * random.uniform(0.5, 1.5))
            try:
                await self.sweep()
            except (LinkDown, Failed) as error:
                logger.warning("PostgreSQL's tables are not swept: %s", error)

    async def sweep(self) -> None:
        """Where it is due."""
        after: bytes | None = b""
        while after is not None:
            ((after,),) = await self._carry_out("SELECT @sweep($1, $2)", after.decode(), _CHANNELS, bulk=True)
