"""Whose turn it is to publish: one relay at a time, over all processes. Nothing is locked in the database meanwhile.

Order and once do not depend on it: every relay publishes all that it sees in the same order, under the same keys. It keeps
relays from doing work twice.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import IO
from uuid import uuid4

from sqlalchemy import Connection, DateTime, func, text, update
from sqlalchemy.dialects.postgresql import insert

from pattern_stack.atoms.tasks import wait_at_most
from pattern_stack.outbox.database import FAILURES
from pattern_stack.outbox.file_lock import lock, unlock
from pattern_stack.outbox.tables import Tables

Run = Callable[[Callable[[Connection], bool]], Awaitable[bool]]

SECONDS = 0.75
"""A relay that does not renew its turn for so long has lost it: its process died, or was suspended."""

RENEWED = SECONDS / 3


class Turns(ABC):
    """The turns of one relay."""

    @abstractmethod
    def take(self, connection: Connection) -> bool:
        """Take the turn or renew it. False: it is another relay's."""

    @abstractmethod
    def give_up(self, connection: Connection) -> None:
        """Another relay may take it at once. Nothing happens where it is not ours."""

    @property
    @abstractmethod
    def is_ours(self) -> bool:
        """Whether no other relay can have taken it since."""

    @asynccontextmanager
    async def kept(self, run: Run) -> AsyncIterator[None]:
        """It is renewed until the block ends."""
        yield

    def close(self) -> None:  # noqa: B027 - a lease runs out by itself
        """Release what this process holds for it."""


class FileTurns(Turns):
    """Beside the file of an SQLite database: the system releases the lock when the process dies.

    A row would not do: while one transaction writes, nobody else can, and what was committed before has to be published.
    """

    def __init__(self, of: Tables) -> None:
        self._suffix = f"-{of.events.name.replace(':', '_')}"
        self._file: IO[bytes] | None = None
        self._held = False

    def take(self, connection: Connection) -> bool:
        self._held = self._held or self._lock(connection)
        return self._held

    def _lock(self, connection: Connection) -> bool:
        if self._file is None:
            path = connection.scalar(text("SELECT file FROM pragma_database_list WHERE name = 'main'"))
            if not path:  # in memory, shared by the connections of this process alone
                return True
            self._file = Path(path + self._suffix).open("ab")  # noqa: SIM115 - see close
        return lock(self._file)

    def give_up(self, connection: Connection) -> None:
        self._release()

    def _release(self) -> None:
        if self._held and self._file:
            unlock(self._file)
        self._held = False

    @property
    def is_ours(self) -> bool:
        return self._held

    def close(self) -> None:
        self._release()
        if self._file:
            self._file.close()
            self._file = None


class LeaseTurns(Turns):
    """A row of PostgreSQL's, with the time until which it holds, by the database's clock."""

    def __init__(self, of: Tables) -> None:
        self._lease = of.lease
        self._holder = uuid4().hex
        self._held = False
        self._until = float("-inf")  # by this process's clock, and never later than by the database's

    def take(self, connection: Connection) -> bool:
        asked = monotonic()
        now = func.clock_timestamp(type_=DateTime(timezone=True))
        until = now + timedelta(seconds=SECONDS)
        ours = insert(self._lease).values(id=1, holder=self._holder, until=until)
        free = (self._lease.c.holder == self._holder) | (self._lease.c.until < now)
        values = {"holder": ours.excluded.holder, "until": ours.excluded.until}
        taken = ours.on_conflict_do_update(index_elements=["id"], set_=values, where=free).returning(self._lease.c.id)
        self._held = connection.scalar(taken) is not None
        self._until = asked + SECONDS if self._held else float("-inf")
        return self._held

    def give_up(self, connection: Connection) -> None:
        if self._held:
            mine = self._lease.c.holder == self._holder
            connection.execute(update(self._lease).where(mine).values(until=func.clock_timestamp()))
        self._held, self._until = False, float("-inf")

    @property
    def is_ours(self) -> bool:
        return monotonic() < self._until

    @asynccontextmanager
    async def kept(self, run: Run) -> AsyncIterator[None]:
        done = asyncio.Event()
        renewing = asyncio.create_task(self._renew(run, done))
        try:
            yield
        finally:
            done.set()
            await renewing

    async def _renew(self, run: Run, done: asyncio.Event) -> None:
        while not done.is_set():
            await wait_at_most(RENEWED, done)
            if not done.is_set():
                with suppress(*FAILURES):  # then it runs out
                    await run(self.take)


def turns(dialect: str, of: Tables) -> Turns:
    return FileTurns(of) if dialect == "sqlite" else LeaseTurns(of)
