"""Alembic makes the tables of an outbox, and finds nothing to change in those that the outbox made."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from pattern_stack.outbox import Outbox
from pattern_stack.outbox.tables import make, tables


def test_alembic(sync_url: str) -> None:
    engine = create_engine(sync_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, Outbox.metadata)
        assert {(what, table.name) for what, table in found} == {
            ("add_table", "pattern_stack_outbox"),
            ("add_table", "pattern_stack_outbox_lease"),
        }
        make(connection, tables())
        assert compare_metadata(context, Outbox.metadata) == []
    engine.dispose()
