"""An event is published if and only if its transaction commits, in an order that respects commits."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pattern_stack import InvalidChannel, InvalidEvent, WebSocketBroadcastBackend
from pattern_stack.outbox import Outbox
from tests.outbox.world import Order, World, dispose, engine_of, make_orders, sync_of

Work = Callable[[Session], None]


async def with_session(world: World, work: Work) -> None:
    """Let it work with a Session or an AsyncSession, whichever the engine has. What it raises is raised."""
    if isinstance(world.engine, AsyncEngine):
        async with AsyncSession(world.engine) as session:
            await session.run_sync(work)
    else:
        await asyncio.to_thread(_with_session, world.engine, work)


def _with_session(engine: Engine, work: Work) -> None:
    with Session(engine) as session:
        work(session)


def order(world: World, session: Session, n: int) -> None:
    """One order and its event."""
    session.add(Order(id=n))
    world.outbox.broadcast(session, "orders", "created", {"n": n})


def one_order(world: World, session: Session, n: int) -> None:
    order(world, session, n)
    session.commit()


async def test_a_commit_is_told_and_a_rollback_is_not(every_world: World) -> None:
    world = every_world

    def work(session: Session) -> None:
        order(world, session, 1)
        session.rollback()
        order(world, session, 2)
        session.commit()
        order(world, session, 3)
        session.flush()
        session.rollback()
        order(world, session, 4)
        order(world, session, 5)
        session.commit()

    await with_session(world, work)
    await world.until_delivered(2, 4, 5)
    await world.until_empty()
    assert world.outbox.trouble is None


def savepoints(world: World, session: Session) -> None:
    """Each kind of savepoint, and last a marker."""
    order(world, session, 1)
    with session.begin_nested():
        order(world, session, 2)
    nested = session.begin_nested()
    order(world, session, 3)
    session.flush()
    nested.rollback()
    outer = session.begin_nested()
    with session.begin_nested():  # released, but goes with the one around it
        order(world, session, 4)
    outer.rollback()
    order(world, session, 5)
    session.commit()


async def test_a_savepoint_takes_its_events_with_it(every_world: World) -> None:
    world = every_world
    await with_session(world, lambda session: savepoints(world, session))
    await world.until_delivered(1, 2, 5)


async def test_savepoints_that_were_released_go_with_their_transaction(world: World) -> None:
    def work(session: Session) -> None:
        with session.begin_nested():
            order(world, session, 1)
        session.rollback()
        order(world, session, 2)
        session.commit()

    await with_session(world, work)
    await world.until_delivered(2)


async def test_the_obvious_hook_announces_a_savepoint_that_is_rolled_back(world: World) -> None:
    """The control: after_commit is called for savepoints too."""
    told: list[int] = []

    class Naive:
        def broadcast(self, session: Session, channel: str, event_type: str, payload: dict[str, Any]) -> None:
            session.info.setdefault("events", []).append(payload["n"])

    def tell(session: Session) -> None:
        told.extend(session.info.pop("events", []))

    naive: Any = World.__new__(World)
    naive.outbox = Naive()
    event.listen(Session, "after_commit", tell)
    try:
        await with_session(world, lambda session: savepoints(naive, session))
    finally:
        event.remove(Session, "after_commit", tell)
    assert 4 in told


async def test_a_session_with_a_block(world: World) -> None:
    if isinstance(world.engine, AsyncEngine):
        async with async_sessionmaker(world.engine).begin() as session:
            session.add(Order(id=1))
            world.outbox.broadcast(session, "orders", "created", {"n": 1}, origin="a")
    else:
        with sessionmaker(world.engine).begin() as sync_session:
            sync_session.add(Order(id=1))
            world.outbox.broadcast(sync_session, "orders", "created", {"n": 1}, origin="a")
    await world.until_delivered(1)
    (told,) = await world.broadcast.history("orders", last=10)
    assert (told.event_type, told.origin) == ("created", "a")


async def test_scoped_sessions(world: World) -> None:
    if isinstance(world.engine, AsyncEngine):
        scoped = async_scoped_session(async_sessionmaker(world.engine), asyncio.current_task)
        world.outbox.broadcast(scoped, "orders", "created", {"n": 1})
        await scoped.commit()
        await scoped.remove()
    else:
        sync_scoped = scoped_session(sessionmaker(world.engine))
        world.outbox.broadcast(sync_scoped, "orders", "created", {"n": 1})
        sync_scoped.commit()
        sync_scoped.remove()
    await world.until_delivered(1)


async def test_a_session_that_knows_engines_by_their_classes(world: World) -> None:
    def work(_: Session) -> None:
        with Session(binds={Order: sync_of(world.engine)}) as session:
            order(world, session, 1)
            session.commit()

    await with_session(world, work)
    await world.until_delivered(1)


@asynccontextmanager
async def connected(engine: Engine | AsyncEngine) -> AsyncIterator[Callable[[Callable[[Connection], Any]], Any]]:
    """What runs a function with a Connection."""
    if isinstance(engine, AsyncEngine):
        async with engine.connect() as connection:
            yield connection.run_sync
    else:
        with engine.connect() as sync_connection:

            async def call(work: Callable[[Connection], Any]) -> None:
                work(sync_connection)

            yield call


async def test_a_connection(every_world: World) -> None:
    world = every_world

    def work(connection: Connection) -> None:
        world.outbox.broadcast(connection, "orders", "created", {"n": 1})
        connection.rollback()
        world.outbox.broadcast(connection, "orders", "created", {"n": 2})
        nested = connection.begin_nested()
        world.outbox.broadcast(connection, "orders", "created", {"n": 3})
        nested.rollback()
        connection.commit()

    async with connected(world.engine) as run:
        await run(work)
        await world.until_delivered(2)


async def test_a_flush_gives_the_id(world: World) -> None:
    def work(session: Session) -> None:
        one = Order()
        session.add(one)
        session.flush()
        world.outbox.broadcast(session, "orders", "created", {"n": one.id})
        session.commit()

    await with_session(world, work)
    await world.until_delivered(1)


async def test_what_is_refused_leaves_the_transaction_as_it_was(world: World) -> None:
    def work(session: Session) -> None:
        order(world, session, 1)
        with pytest.raises(InvalidChannel):
            world.outbox.broadcast(session, "no spaces", "created", {})
        with pytest.raises(InvalidEvent):
            world.outbox.broadcast(session, "orders", "created", {"n": float("nan")})
        with pytest.raises(InvalidEvent):
            world.outbox.broadcast(session, "orders", "created", {"n": "x" * 2_000_000})
        session.commit()

    await with_session(world, work)
    await world.until_delivered(1)


async def test_what_is_no_transaction_is_refused(world: World) -> None:
    with pytest.raises(TypeError, match="Session"):
        world.outbox.broadcast(world.engine, "orders", "created", {})  # type: ignore[arg-type]
    if isinstance(world.engine, AsyncEngine):
        connection = AsyncConnection(world.engine)
        with pytest.raises(TypeError, match="run_sync"):
            world.outbox.broadcast(connection, "orders", "created", {})  # type: ignore[arg-type]


async def test_an_open_transaction_holds_up_nobody(world: World) -> None:
    """Its rows have the lowest numbers. They come when it commits."""
    if sync_of(world.engine).dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: see the next test")
    begun, go_on = threading.Event(), threading.Event()

    def stays_open(session: Session) -> None:
        order(world, session, 1)
        session.flush()
        begun.set()
        assert go_on.wait(60)
        session.commit()

    with sync_engine(world) as engine:
        opened = threading.Thread(target=_with_session, args=(engine, stays_open))
        opened.start()
        assert await asyncio.to_thread(begun.wait, 60)
        for n in (2, 3, 4):
            await with_session(world, lambda session, n=n: one_order(world, session, n))
        await world.until_delivered(2, 3, 4)
        go_on.set()
        await world.until_delivered(2, 3, 4, 1)
        await asyncio.to_thread(opened.join)


@contextmanager
def sync_engine(world: World) -> Iterator[Engine]:
    """Another engine on the same database, which a thread can use."""
    url = sync_of(world.engine).url
    engine = create_engine(url.set(drivername=url.drivername.replace("asyncpg", "psycopg").replace("+aiosqlite", "")))
    yield engine
    engine.dispose()


async def test_what_sqlite_has_committed_comes_while_another_writes(world: World) -> None:
    if sync_of(world.engine).dialect.name != "sqlite":
        pytest.skip("about SQLite's one writer")
    # the writer follows the commit at once: the relay finds the database locked
    with sync_engine(world) as engine, Session(engine) as session, Session(engine) as writer:
        for n in range(20):
            order(world, session, n)
            session.commit()
            writer.add(Order(id=100 + n))
            writer.flush()
            await world.until_delivered(*range(n + 1))
            writer.rollback()


async def test_commits_one_after_the_other_are_told_in_their_order(world: World) -> None:
    """Two transactions at a time, of which the one that began first commits last."""
    if sync_of(world.engine).dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")

    def work() -> None:
        with sync_engine(world) as engine, Session(engine) as first, Session(engine) as second:
            for n in range(0, 100, 2):
                world.outbox.broadcast(first, "orders", "created", {"n": n})
                first.flush()
                world.outbox.broadcast(second, "orders", "created", {"n": n + 1})
                second.commit()
                first.commit()

    await asyncio.to_thread(work)
    await world.until(lambda: len(world.delivered) == 100)
    for n in range(0, 100, 2):
        assert set(world.delivered[n : n + 2]) == {n, n + 1}


async def test_two_prefixes_are_two_outboxes(url: str) -> None:
    engine = engine_of(url)
    await make_orders(engine)
    one, two = World(engine), World(engine, channel_prefix="shop:two")
    async with one.running(), two.running():
        await with_session(two, lambda session: one_order(two, session, 2))
        await with_session(one, lambda session: one_order(one, session, 1))
        await one.until_delivered(1)
        await two.until_delivered(2)
    await dispose(engine)


@pytest.mark.parametrize("prefix", ["", "a b", "x" * 41, None])
def test_a_prefix_that_cannot_begin_a_name_is_refused(prefix: Any) -> None:
    with pytest.raises(ValueError, match="channel_prefix"):
        Outbox(WebSocketBroadcastBackend(), create_engine("sqlite:///x.db"), channel_prefix=prefix)


def test_an_engine_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="in memory"):
        Outbox(WebSocketBroadcastBackend(), create_engine("sqlite://"))
    with pytest.raises(ValueError, match="in memory"):
        Outbox(WebSocketBroadcastBackend(), create_async_engine("sqlite+aiosqlite://"))
    with pytest.raises(TypeError, match="Engine"):
        Outbox(WebSocketBroadcastBackend(), "sqlite:///x.db")  # type: ignore[arg-type]


class Routed(Session):
    """Reads from one database, and writes to another."""

    def get_bind(self, *_: Any, **__: Any) -> Engine:
        engine: Engine = self.info["write" if self._flushing else "read"]
        return engine


def of_file(path: Path) -> Engine:
    """A database that has the outbox's table."""
    engine = create_engine(f"sqlite:///{path}")
    Outbox.metadata.create_all(engine)
    return engine


def test_a_transaction_of_another_database_is_refused(tmp_path: Path) -> None:
    mine, other = of_file(tmp_path / "a.db"), of_file(tmp_path / "b.db")
    outbox = Outbox(WebSocketBroadcastBackend(), mine)
    asynchronous = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/b.db")
    with other.connect() as connection:
        for transaction in (Session(other), Session(connection), AsyncSession(asynchronous), connection):
            with pytest.raises(ValueError, match="another database"):
                outbox.broadcast(transaction, "orders", "created", {})
    routed = Routed(info={"read": mine, "write": other}, bind=mine)
    outbox.broadcast(routed, "orders", "created", {})
    with pytest.raises(ValueError, match="another database"):
        routed.commit()


async def test_engines_of_one_database_are_taken(tmp_path: Path) -> None:
    mine = of_file(tmp_path / "a.db")
    outbox = Outbox(WebSocketBroadcastBackend(), mine)
    with_options, again = mine.execution_options(isolation_level="SERIALIZABLE"), of_file(tmp_path / "." / "a.db")
    routed = Routed(info={"read": of_file(tmp_path / "b.db"), "write": mine}, bind=mine)
    sessions = [Session(mine), Session(with_options), Session(again), Session(binds={Order: mine}), routed]
    for session in sessions:
        outbox.broadcast(session, "orders", "created", {})
        session.commit()
        session.close()
    with with_options.begin() as connection:
        outbox.broadcast(connection, "orders", "created", {})
    assert await outbox.waiting() == len(sessions) + 1


async def test_events_of_before_the_start_are_published(url: str) -> None:
    engine = engine_of(url)
    await make_orders(engine)
    world = World(engine)
    await world.outbox.create()
    await world.outbox.create()
    await with_session(world, lambda session: one_order(world, session, 1))
    assert await world.outbox.waiting() == 1
    assert "get_router" in (world.outbox.trouble or "")
    async with world.app.router.lifespan_context(world.app):
        async for told in world.broadcast.listen("orders", last=1):
            assert told.payload == {"n": 1}
            break
        await world.until_empty()
    await dispose(engine)


async def test_the_number_of_rows_is_that_of_the_commits(world: World) -> None:
    """A session that is used for many transactions wakes the relay after each, and leaves nothing behind."""

    def work(session: Session) -> None:
        for n in range(1, 101):
            order(world, session, n)
            session.commit()
            assert not session.info

    await with_session(world, work)
    await world.until_delivered(*range(1, 101))

    def count(session: Session) -> None:
        assert session.scalar(select(func.count()).select_from(Order)) == 100

    await with_session(world, count)
