"""The events that wait, in SQL: what one transaction of the relay does. No IO but that of the connection it is given."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from pattern_stack.outbox.database import in_one_line
from pattern_stack.outbox.sqlite import is_locked, short_patience
from pattern_stack.outbox.tables import Tables, make, missing
from pattern_stack.outbox.turns import Turns

ROWS = 256
BYTES = 4 * 1024 * 1024
"""What the relay holds at a time: so many rows and bytes, at least one row."""

KNOWN = 2_000
"""Published events that the relay keeps in mind while it cannot remove them; past that it waits until it can."""


class Waiting(NamedTuple):
    """An event that waits to be published."""

    id: int
    key: str
    channel: str
    body: bytes


class SetAside(NamedTuple):
    """An event that could never be published: it is kept, and holds nothing up."""

    id: int
    """Its number in the table."""
    channel: str
    body: bytes
    """The whole event, as JSON: channel, event, payload, timestamp."""
    error: str
    """Why it was refused."""


class Done:
    """What the relay is through with and the database does not know of yet. It outlives a transaction that fails."""

    def __init__(self) -> None:
        self.published: set[int] = set()
        self.refused: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.published) + len(self.refused)

    def clear(self) -> None:
        self.published.clear()
        self.refused.clear()


class Step(NamedTuple):
    """What a transaction of the relay came to."""

    rows: list[Waiting] | None
    """What to publish next. An empty list: nothing, and the turn is given up. None: it is another relay's turn."""
    written: bool
    """Whether what was done is written down."""


class Queue:
    """The events of one outbox."""

    def __init__(self, of: Tables, turns: Turns) -> None:
        self._tables = of
        self._events = of.events
        self._turns = turns

    def step(self, connection: Connection, done: Done, *, more: bool) -> Step:
        """Write down what is done; where `more` is wanted take the turn, or keep it, and see what to publish next."""
        written = self._write_down(connection, done)
        known = () if written else tuple(done.published | done.refused.keys())
        if not (more and self._any(connection, known)):
            self._turns.give_up(connection)
            return Step([], written)
        if not self._turns.take(connection):
            return Step(None, written)
        return Step(list(self._first(connection, known)), written)

    def leave(self, connection: Connection) -> int:
        """Give the turn up. How many events wait."""
        self._turns.give_up(connection)
        return self.waiting(connection)

    def make_tables(self, connection: Connection) -> str | None:
        """What keeps them from being there, in words; None where they are."""
        try:
            make(connection, self._tables)
        except DBAPIError as error:
            return (
                f"the table {missing(connection, self._tables)[0].name} is missing and could not be made: "
                f"{in_one_line(error)}. Grant this role the right, or make it by a migration: see Outbox.metadata"
            )
        return None

    def waiting(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).where(self._events.c.error.is_(None))) or 0

    def set_aside(self, connection: Connection, most: int | None = None) -> list[SetAside]:
        of = self._events.c
        found = select(of.id, of.channel, of.body, of.error).where(of.error.is_not(None)).order_by(of.id).limit(most)
        return [SetAside(*row) for row in connection.execute(found)]

    def _write_down(self, connection: Connection, done: Done) -> bool:
        """False where another transaction is writing, on SQLite: it may take its time, and others' events go on."""
        with short_patience(connection) if len(done) < KNOWN else nullcontext():
            try:
                self._remove(connection, done)
            except OperationalError as error:
                if not is_locked(error):
                    raise
                return False
        return True

    def _remove(self, connection: Connection, done: Done) -> None:
        if done.published:
            connection.execute(delete(self._events).where(self._events.c.id.in_(sorted(done.published))))
        for id, error in done.refused.items():
            connection.execute(update(self._events).where(self._events.c.id == id).values(error=error))

    def _any(self, connection: Connection, known: Sequence[int]) -> bool:
        return connection.scalar(select(self._events.c.id).where(self._waits(known)).limit(1)) is not None

    def _waits(self, known: Sequence[int]) -> ColumnElement[bool]:
        waits = self._events.c.error.is_(None)
        return waits & self._events.c.id.not_in(known) if known else waits

    def _first(self, connection: Connection, known: Sequence[int]) -> Iterator[Waiting]:
        """In the order of their numbers. What was committed before another transaction began has lower numbers than what
        that one writes, and every read that sees the latter sees the former: so this order respects commits."""
        of = self._events.c
        first = (
            select(of.id, of.key, of.channel, of.body).where(of.error.is_(None)).order_by(of.id).limit(ROWS).subquery()
        )
        size = func.length(first.c.body)
        before = (func.sum(size).over(order_by=first.c.id) - size).label("before")
        few = select(first, before).subquery()
        rows = select(few.c.id, few.c.key, few.c.channel, few.c.body).where(few.c.before < BYTES).order_by(few.c.id)
        return (Waiting(*row) for row in connection.execute(rows))


def pieces(rows: Sequence[Waiting], size: int) -> Iterator[Sequence[Waiting]]:
    """The rows in their order, so many at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
