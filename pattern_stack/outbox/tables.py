"""The tables of an outbox: the events that wait, and whose turn it is to publish them."""

import re
from functools import cache
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import registry
from sqlalchemy.schema import CreateTable

DEFAULT_PREFIX = "pattern_stack"

_PREFIX = re.compile(r"[A-Za-z0-9_\-.:]{1,40}")  # PostgreSQL cuts names off at 63 bytes


class Row:
    """An event that waits, as an object of an ORM session: see `Tables.row`."""

    engine: Engine
    """That of its outbox: it is written there, or not at all."""

    def __init__(self, key: str, channel: str, body: bytes) -> None:
        self.key = key
        self.channel = channel
        self.body = body


class Tables(NamedTuple):
    """Those of one prefix."""

    metadata: MetaData
    events: Table
    """An event that waits. `error` says why it was set aside; null for all others."""
    lease: Table
    """One row: whose turn it is, and until when. Where the database is a file, a lock of that file's takes its place."""
    row: type[Row]
    """Mapped to `events`: a session takes its objects like any other, and savepoints hold for them."""


@cache
def tables(prefix: str = DEFAULT_PREFIX) -> Tables:
    """Always the same ones for a prefix. Raises ValueError for a prefix that cannot begin a table's name."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"channel_prefix is 1 to 40 characters of A-Z a-z 0-9 _ - . :, not {prefix!r:.60}")
    metadata = MetaData()
    events = Table(
        f"{prefix}_outbox",
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("key", String(32), nullable=False),
        Column("channel", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("error", Text),
        sqlite_autoincrement=True,  # a number is never given twice
    )
    lease = Table(
        f"{prefix}_outbox_lease",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("holder", String(32), nullable=False),
        Column("until", DateTime(timezone=True), nullable=False),
    )
    row = type("OutboxRow", (Row,), {})
    registry(metadata=metadata).map_imperatively(row, events)
    return Tables(metadata, events, lease, row)


def missing(connection: Connection, of: Tables) -> list[Table]:
    """Those that the database does not have."""
    look = inspect(connection)
    return [table for table in of.metadata.sorted_tables if not look.has_table(table.name)]


def make(connection: Connection, of: Tables) -> None:
    """Make those that are missing. Others may do so at the same moment: IF NOT EXISTS fails for all but one of them then."""
    for table in missing(connection, of):
        try:
            with connection.begin_nested():
                connection.execute(CreateTable(table, if_not_exists=True))
        except DBAPIError:
            if not inspect(connection).has_table(table.name):
                raise
