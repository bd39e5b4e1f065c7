"""What is particular to SQLite: while one transaction writes, every other that wants to waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

_PATIENCE = 20  # ms


@contextmanager
def short_patience(connection: Connection) -> Iterator[None]:
    """On SQLite, statements of the block wait at most 20 ms for another transaction that writes."""
    if connection.dialect.name != "sqlite":
        yield
        return
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_PATIENCE}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")


def is_locked(error: OperationalError) -> bool:
    """Whether SQLite gave up waiting for another transaction."""
    return "database is locked" in str(error.orig)
