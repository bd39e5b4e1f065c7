"""Where orders are kept."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateTable

URL = os.environ.get("DATABASE_URL", f"sqlite+aiosqlite:///{Path(__file__).parent / 'orders.db'}")

engine = create_async_engine(URL)


@event.listens_for(engine.sync_engine, "connect")
def _with_readers(connection: DBAPIConnection, _: object) -> None:
    """SQLite: who reads and who writes do not wait for each other."""
    if engine.dialect.name == "sqlite":
        connection.execute("PRAGMA journal_mode=WAL")


sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class OrderRow(Base):
    __tablename__ = "orders"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - a number is never given twice

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)
    """Rises with each change."""
    customer: Mapped[str]
    item: Mapped[str]
    quantity: Mapped[int]
    status: Mapped[str] = mapped_column(default="new")


@asynccontextmanager
async def database(_: object) -> AsyncIterator[None]:
    """The table is there; several instances may start at once."""
    async with engine.begin() as connection:
        await connection.execute(CreateTable(Base.metadata.tables["orders"], if_not_exists=True))
    yield
    await engine.dispose()
