"""Events come after the commits of what they tell of, or it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.outbox import Outbox
from pattern_stack.testing import BroadcastLog, subscribe
from tests.support.patience import PATIENCE


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def created(session: Session) -> None:
    session.add(Row())


def say(broadcast: WebSocketBroadcastBackend) -> None:
    broadcast.broadcast_sync("orders", "created", {"id": "1"})


def test_an_event_after_its_commit(engine: Engine, broadcast_log: BroadcastLog) -> None:
    broadcast = WebSocketBroadcastBackend()
    with broadcast_log.assert_published_after_commit(engine):
        with Session(engine) as session:
            created(session)
            session.commit()
            assert session.scalar(select(Row.id)) == 1  # another transaction, which only reads
            say(broadcast)
        with engine.begin() as connection:
            connection.execute(insert(Row))
        say(broadcast)
    broadcast_log.assert_published("orders", "created", times=2)


@pytest.mark.parametrize("how", ["added", "flushed", "written", "rolled back"])
def test_an_event_before_its_commit_is_told(how: str, engine: Engine, broadcast_log: BroadcastLog) -> None:
    broadcast = WebSocketBroadcastBackend()

    def act() -> None:
        with Session(engine) as session:
            if how == "written":
                session.execute(insert(Row))
            else:
                created(session)
            if how in ("flushed", "rolled back"):
                session.flush()
            say(broadcast)
            session.rollback() if how == "rolled back" else session.commit()

    end = "rolled back" if how == "rolled back" else "committed"
    told = rf"published before the transaction that wrote to orders was {end}:\n  orders created"
    with pytest.raises(AssertionError, match=told), broadcast_log.assert_published_after_commit(engine):
        act()


async def test_an_outbox_publishes_after_the_commit(tmp_path: Path, broadcast_log: BroadcastLog) -> None:
    engine, broadcast = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/app.db"), WebSocketBroadcastBackend()
    outbox, app = Outbox(broadcast, engine), FastAPI()
    app.include_router(broadcast.get_router())
    app.include_router(outbox.get_router())
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with app.router.lifespan_context(app), subscribe(app, "orders") as events:
        with broadcast_log.assert_published_after_commit(engine):
            async with AsyncSession(engine) as session, session.begin():
                session.add(Row())
                outbox.broadcast(session, "orders", "created", {})
            await events.next("created", timeout=PATIENCE)
            while await outbox.waiting():  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.01)
    await engine.dispose()
