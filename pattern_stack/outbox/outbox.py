"""Outbox, as an application constructs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import APIRouter
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.core.event import Payload
from pattern_stack.atoms.broadcast.instance.meters import watch_rows
from pattern_stack.atoms.tasks import Tasks
from pattern_stack.outbox.database import Database
from pattern_stack.outbox.enlist import Enlist, Transaction
from pattern_stack.outbox.publishing import RowPublisher
from pattern_stack.outbox.queue import Queue, SetAside
from pattern_stack.outbox.relay import Relay
from pattern_stack.outbox.tables import DEFAULT_PREFIX, make, tables
from pattern_stack.outbox.turns import turns


class Outbox:
    """Events that are published if and only if a transaction commits. SQLite and PostgreSQL.

    An event is a row of the transaction that it tells of. After the commit a relay publishes it, once (a repeat within 300 s
    publishes nothing, while the store of the broadcast lives), in an order that respects commits: what was committed before
    another transaction began comes first. A transaction that stays open holds up nobody else's events. One relay at a time
    works, over all processes; it holds nothing locked in the database while it publishes.

    - `broadcast`: what publishes. With several processes it has a bridge.
    - `engine`: an Engine or an AsyncEngine, the one that the application's sessions use. The relay needs one connection.
    - `channel_prefix`: the table is `{channel_prefix}_outbox`.

    Raises TypeError for what is no engine; ValueError for another database, for SQLite in memory, and for a prefix that is
    not 1 to 40 characters of `A-Z a-z 0-9 _ - . :`.
    """

    metadata = tables().metadata
    """The tables of the default prefix, for migrations; on an object, those of its prefix."""

    def __init__(
        self,
        broadcast: InstanceBackend,
        engine: Engine | AsyncEngine,
        *,
        channel_prefix: str = DEFAULT_PREFIX,
    ) -> None:
        self._backend = broadcast
        self._tables = tables(channel_prefix)
        self.metadata = self._tables.metadata
        self._database = Database(engine)
        self._enlist = Enlist(self._tables, self._database.engine, self._wake)
        self._relays: dict[Relay, Tasks] = {}
        watch_rows(self, broadcast)

    def broadcast(
        self,
        transaction: Transaction,
        channel: str,
        event_type: str,
        payload: Payload,
        *,
        origin: str | None = None,
    ) -> None:
        """Publish the event once this transaction commits: a Session, an AsyncSession, or a Connection. Nothing is awaited.

        It belongs to the innermost savepoint that is open, and goes with it where that is rolled back. The payload is
        encoded now: flush first where it needs an id that the database gives. With an AsyncConnection:
        `await connection.run_sync(outbox.broadcast, "orders", "created", {...})`.

        A session writes the row when it flushes, like any object that is added to it; a Connection writes it now.
        Raises InvalidChannel, InvalidEvent, BroadcastClosed, TypeError for what is no transaction, and ValueError for one of
        another database than the outbox's. A session that chooses its engine when it writes raises that when it flushes.
        """
        draft = self._backend.draft(channel, event_type, payload, origin=origin)
        self._enlist.add(transaction, uuid4().hex, draft.channel, draft.body)

    def get_router(self) -> APIRouter:
        """No routes: its lifespan makes the table where it is missing, and runs the relay.

        Where the table cannot be made, or the database is away, the application starts all the same, `trouble` says why, and
        the relay tries again. Without it the process publishes nothing, and leaves its events to others.
        """
        return APIRouter(lifespan=self._lifespan)

    async def create(self) -> None:
        """Make the table where it is missing. Raises SQLAlchemy's error where that fails."""
        await self._database.run(lambda connection: make(connection, self._tables))

    async def waiting(self) -> int:
        """How many events are committed and not published yet, over all processes. Raises SQLAlchemy's errors."""
        return await self._database.run(self._queue().waiting)

    async def set_aside(self, *, most: int | None = None) -> list[SetAside]:
        """The events that could never be published, oldest first: they hold nothing up. `most`: no more than so many.
        Raises SQLAlchemy's errors."""
        return await self._database.run(lambda connection: self._queue().set_aside(connection, most))

    @property
    def trouble(self) -> str | None:
        """What keeps this process from publishing, and how many events wait, in words; None while nothing does."""
        if not self._relays:
            return (
                "the relay of the outbox does not run: include outbox.get_router(), and run the application's lifespan"
            )
        return next((found for relay, task in self._relays.items() if (found := task.trouble or relay.trouble)), None)

    @property
    def rows_waiting(self) -> int:
        """What the relays of this process saw waiting last. `waiting` asks the database."""
        return max((relay.rows_waiting for relay in list(self._relays)), default=0)

    def _queue(self) -> Queue:
        return Queue(self._tables, turns(self._database.dialect, self._tables))

    def _wake(self) -> None:
        for relay in list(self._relays):
            relay.wake()

    @asynccontextmanager
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        relay, tasks = self._relay(), Tasks()
        await relay.prepare()
        self._relays[relay] = tasks
        tasks.start("the relay of the outbox", relay.run())
        try:
            yield
        finally:
            await relay.stop()
            del self._relays[relay]
            await tasks.stop()

    def _relay(self) -> Relay:
        own = turns(self._database.dialect, self._tables)
        publisher = RowPublisher(self._backend)
        return Relay(self._database, Queue(self._tables, own), own, publisher)
