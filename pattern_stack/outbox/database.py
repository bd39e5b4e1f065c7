"""The application's engine, synchronous or not, as the relay uses it: one short transaction after the other."""

import asyncio
import os
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import SingletonThreadPool, StaticPool

T = TypeVar("T")

DIALECTS = ("postgresql", "sqlite")

FAILURES = (SQLAlchemyError, OSError, TimeoutError)
"""What a database that is away, full, locked or not as expected makes of a call."""


class Database:
    """Runs plain functions of a connection. Raises TypeError for what is no engine, ValueError for one that cannot be used."""

    def __init__(self, engine: Engine | AsyncEngine) -> None:
        if not isinstance(engine, Engine | AsyncEngine):
            raise TypeError(f"an outbox takes an Engine or an AsyncEngine, not {type(engine).__name__}")
        self._engine = engine
        self.engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        if self.dialect not in DIALECTS:
            raise ValueError(f"an outbox works on SQLite and PostgreSQL, not on {self.dialect}")
        if isinstance(self.engine.pool, StaticPool | SingletonThreadPool):
            raise ValueError(
                "this engine has one connection for everything, as SQLite in memory does: the relay would commit what "
                "others have not. Use a file, like sqlite:///app.db"
            )

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    async def run(self, work: Callable[[Connection], T]) -> T:
        """`work(connection)` in a transaction of its own, committed where it returns; in a thread, where the engine waits.

        Each statement sees what is committed by then, whatever the isolation level of the engine is.
        """
        if isinstance(self._engine, Engine):
            return await asyncio.to_thread(self._run, self._engine, work)
        async with self._engine.connect() as connection:
            return await connection.run_sync(self._work, work)

    def _run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            return self._work(connection, work)

    def _work(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        if self.dialect == "postgresql":
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            return work(connection)


def check_same_database(engine: Engine, of_outbox: Engine) -> None:
    """Raises ValueError where a row that is written with this engine would be in another database than its outbox reads."""
    if engine.pool is not of_outbox.pool and _place(engine.url) != _place(of_outbox.url):
        raise ValueError(
            "this transaction is of another database than the outbox: its event would never be published. Make an outbox "
            f"of that engine ({_shown(engine)}, not {_shown(of_outbox)})"
        )


def _place(url: URL) -> tuple[object, ...]:
    """The same for two engines on one database, whatever their drivers."""
    if url.get_backend_name() == "sqlite":
        return "sqlite", os.path.realpath(url.database or "")
    host, port = url.host or url.query.get("host"), url.port or url.query.get("port", "5432")
    return url.get_backend_name(), host, str(port), url.database or url.username


def _shown(engine: Engine) -> str:
    """Without the password, the user and the options."""
    url = engine.url
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()


def in_one_line(error: BaseException) -> str:
    """What the database says, without the statement and its parameters."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
    return said or type(error).__name__
