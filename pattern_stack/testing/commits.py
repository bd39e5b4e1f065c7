"""Whether events were published before the transactions that they tell of were committed. Needs SQLAlchemy."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|REPLACE INTO|MERGE INTO)\s+([\w.\"`]+)", re.IGNORECASE)
_OUTBOX = re.compile(r"_outbox(_lease)?$")
"""The relay's own tables: it publishes, and then writes down that it has."""


class Commits:
    """Transactions of one engine that were open, and had written, when something was published. `published` counts."""

    def __init__(self, published: Callable[[], int]) -> None:
        self.found: list[tuple[int, int, str]] = []
        """From which event to which one, and how their transaction ended."""
        self._published = published
        self._sessions: dict[int, int] = {}
        self._begun: dict[int, int] = {}
        self._written: dict[int, list[str]] = {}

    @contextmanager
    def watched(self, engine: Any) -> Iterator[None]:
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        engine = getattr(engine, "sync_engine", engine)
        with ExitStack() as ends:
            for target, name, listen in (
                (Session, "after_transaction_create", self._session_begins),
                (Session, "after_begin", self._session_connects),
                (engine, "begin", self._begin),
                (engine, "before_cursor_execute", self._execute),
                (engine, "commit", self._commit),
                (engine, "rollback", self._roll_back),
            ):
                event.listen(target, name, listen)
                ends.callback(event.remove, target, name, listen)
            yield

    def _session_begins(self, session: Any, transaction: Any) -> None:
        """Before its first statement: what was added is written when it commits."""
        if transaction.parent is None:
            self._sessions[id(session)] = self._published()

    def _session_connects(self, session: Any, transaction: Any, connection: Any) -> None:
        begun = self._sessions.get(id(session), self._published())
        self._begun[id(connection)] = min(begun, self._begun.get(id(connection), begun))

    def _begin(self, connection: Any) -> None:
        self._begun[id(connection)] = self._published()
        self._written[id(connection)] = []

    def _execute(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if (write := _WRITES.match(statement)) and not _OUTBOX.search(table := write[1].strip('"`')):
            self._written.setdefault(id(connection), []).append(table)

    def _commit(self, connection: Any) -> None:
        self._end(connection, "committed")

    def _roll_back(self, connection: Any) -> None:
        self._end(connection, "rolled back")

    def _end(self, connection: Any, how: str) -> None:
        begun, now = self._begun.pop(id(connection), self._published()), self._published()
        tables = ", ".join(dict.fromkeys(self._written.pop(id(connection), ())))
        if tables and begun < now:
            self.found.append((begun, now, f"before the transaction that wrote to {tables} was {how}"))
