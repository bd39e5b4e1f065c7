"""A row joins the transaction of whoever writes it, and the relay is woken when that transaction commits."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from pattern_stack.outbox.database import check_same_database
from pattern_stack.outbox.tables import Row, Tables

Transaction = Session | AsyncSession | Connection | scoped_session[Session] | async_scoped_session[AsyncSession]
"""What a row can be written with."""

_WAKE = "pattern_stack.outbox"


class Enlist:
    """Writes rows of one outbox. `wake` is called after the commit of each transaction that has some, in its thread."""

    def __init__(self, of: Tables, engine: Engine, wake: Callable[[], None]) -> None:
        self._events = of.events
        self._row = of.row
        self._engine = engine
        self._wake = wake
        self._listens = False

    def add(self, transaction: Transaction, key: str, channel: str, body: bytes) -> None:
        """Raises TypeError for what is no transaction that it knows, ValueError for one of another database."""
        found = _without_async(transaction)
        if isinstance(found, Connection):
            self._add_to_connection(found, key, channel, body)
        elif isinstance(found, Session):
            self._add_to_session(found, self._row(key, channel, body))
        else:
            raise TypeError(f"a Session, an AsyncSession or a Connection is needed, not {type(transaction).__name__}")

    def _add_to_session(self, session: Session, row: Row) -> None:
        if session.bind is None:  # one that knows engines by their classes, and not by ours
            session.bind_mapper(type(row), self._engine)
        elif type(session).get_bind is Session.get_bind:  # one of its own may choose by what is written: see _inserting
            check_same_database(session.get_bind(type(row)).engine, self._engine)
        row.engine = self._engine
        session.add(row)
        session.info.setdefault(_WAKE, set()).add(self._wake)

    def _add_to_connection(self, connection: Connection, key: str, channel: str, body: bytes) -> None:
        check_same_database(connection.engine, self._engine)
        if not self._listens:
            self._listens = True
            event.listen(self._engine, "commit", self._on_commit)
        connection.execute(insert(self._events).values(key=key, channel=channel, body=body))
        connection.info[_WAKE] = True

    def _on_commit(self, connection: Connection) -> None:
        """Called just before the commit, which is why a relay that was woken looks several times."""
        if connection.info.pop(_WAKE, False):
            self._wake()


def _without_async(transaction: Any) -> Any:
    if isinstance(transaction, scoped_session | async_scoped_session):
        transaction = transaction()
    if isinstance(transaction, AsyncConnection):
        raise TypeError(
            "an AsyncConnection would have to be awaited: await connection.run_sync(outbox.broadcast, channel, ...)"
        )
    return transaction.sync_session if isinstance(transaction, AsyncSession) else transaction


@event.listens_for(Row, "before_insert", propagate=True)
def _inserting(_: Any, connection: Connection, row: Row) -> None:
    """Where the row is written is known for certain here. What this raises ends the flush, and the transaction with it."""
    check_same_database(connection.engine, row.engine)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    """Also where a savepoint is released, which the relay then looks for in vain."""
    for wake in session.info.get(_WAKE, ()):
        wake()


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_WAKE, None)
