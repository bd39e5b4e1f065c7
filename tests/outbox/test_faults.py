"""What can go wrong around an outbox: it is named, it loses nothing, and it holds nothing else up."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pattern_stack import Limits, WebSocketBroadcastBackend, broadcast_from_url
from pattern_stack.atoms.broadcast.core.event import Draft
from pattern_stack.outbox import Outbox
from pattern_stack.outbox.relay import Relay
from tests.outbox.world import World, dispose, engine_of, holds, sync_of
from tests.support.meters import Meters
from tests.support.postgres import PostgresServer
from tests.support.redis.server import RedisServer


def commit(engine: Engine, outbox: Outbox, *numbers: int) -> None:
    """A transaction with an event for each, in a session of a plain thread."""
    with Session(engine) as session, session.begin():
        for n in numbers:
            outbox.broadcast(session, "orders", "created", {"n": n})


@asynccontextmanager
async def plain(url: str, broadcast: WebSocketBroadcastBackend | None = None) -> AsyncIterator[World]:
    """Running on a synchronous engine, which is disposed of."""
    world = World(create_engine(url), broadcast)
    async with world.running():
        yield world
    await dispose(world.engine)


async def committed(world: World, *numbers: int) -> None:
    await asyncio.to_thread(commit, sync_of(world.engine), world.outbox, *numbers)


# -- the store of the broadcast


async def test_redis_away(sync_url: str, redis_server: RedisServer) -> None:
    """Commits go on, /ready says how many wait, and all of them come in order once it is back."""
    broadcast, meters = broadcast_from_url(redis_server.url), Meters()
    async with plain(sync_url, broadcast) as world:
        await committed(world, 0)
        await world.until_delivered(0)
        redis_server.kill()
        for n in range(1, 301):
            await committed(world, n)
        await world.until_trouble("300 events wait in the outbox")
        assert meters.read()["outbox_rows_waiting"] == 300
        assert world.delivered == [0]
        redis_server.start()
        await world.until_delivered(*range(301))
        await world.until_well()
        await world.until_empty()
        assert meters.read()["outbox_rows_waiting"] == 0
    await broadcast.close()


async def test_an_event_that_was_published_and_not_removed_comes_once(sync_url: str) -> None:
    """As after a kill between the two: the next relay publishes it again, under the same key."""
    world = World(create_engine(sync_url))
    await world.outbox.create()
    await committed(world, 1, 2)
    with sync_of(world.engine).connect() as connection:
        rows = connection.execute(text("SELECT channel, body, key FROM pattern_stack_outbox ORDER BY id")).all()
    async with world.running():
        await world.until_empty()
        await committed(world, 3)
        await holds(lambda: world.delivered[-1:] == [3])
        await world.broadcast.publish_encoded([Draft(*row) for row in rows])
        await committed(world, 4)
        await holds(lambda: world.delivered[-1:] == [4])
        assert [told.payload["n"] for told in await world.broadcast.history("orders", last=10)] == [1, 2, 3, 4]
    await dispose(world.engine)


# -- rows that can never be published


async def test_what_can_never_be_published_is_set_aside(url: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = engine_of(url)
    generous = Outbox(WebSocketBroadcastBackend(limits=Limits(event_bytes=10_000_000)), engine)
    world = World(engine)
    await world.outbox.create()

    def write(session: Session) -> None:
        world.outbox.broadcast(session, "orders", "created", {"n": 1})
        generous.broadcast(session, "orders", "created", {"n": 2, "text": "x" * 2_000_000})
        world.outbox.broadcast(session, "orders", "created", {"n": 3})
        session.execute(
            text("INSERT INTO pattern_stack_outbox (key, channel, body) VALUES ('k', 'orders', :body)"),
            {"body": b"{}"},
        )
        session.commit()

    from tests.outbox.test_transactions import with_session

    await with_session(world, write)
    async with world.running():
        await world.until_empty()
        assert [told.payload["n"] for told in await world.broadcast.history("orders", last=10)] == [1, 3]
        large, garbage = await world.outbox.set_aside()
        assert (large.channel, len(large.body) > 2_000_000) == ("orders", True)
        assert "more than 1048576" in large.error
        assert garbage.body == b"{}"
        assert "not hold an event" in garbage.error
        assert world.outbox.trouble is None
        assert "can never be published and is set aside" in caplog.text
        await with_session(
            world, lambda session: (generous.broadcast(session, "orders", "x", {"n": 4}), session.commit())
        )  # type: ignore[func-returns-value]
        await holds(lambda: world.delivered[-1:] == [4])
    await dispose(engine)


# -- the database


async def test_a_full_disk_fails_the_commit_and_nothing_else(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")

    @event.listens_for(engine, "connect")
    def limit(connection: object, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 40")  # type: ignore[attr-defined]

    world = World(engine)
    async with world.running():
        large = {"n": -1, "text": "x" * 500_000}
        for n in range(5):
            await committed(world, n)
            with pytest.raises(OperationalError, match="full"), Session(engine) as session, session.begin():
                world.outbox.broadcast(session, "orders", "created", large)
        await world.until_delivered(*range(5))
        await world.until_empty()
        assert world.outbox.trouble is None
    await dispose(engine)


async def test_a_role_that_may_not_make_the_table_waits_for_the_migration(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    postgres_server.execute("CREATE ROLE app LOGIN PASSWORD 'sesame'")
    url = postgres_server.url_as("app", "sesame").replace("postgresql:", "postgresql+psycopg:")
    async with plain(url) as world:
        said = await world.until_trouble("permission denied for schema public")
        assert "the table pattern_stack_outbox is missing" in said
        assert "Outbox.metadata" in said
        assert said in caplog.text
        owner = create_engine(postgres_server.sqlalchemy_url)
        Outbox.metadata.create_all(owner)
        with owner.begin() as connection:
            connection.execute(text("GRANT ALL ON pattern_stack_outbox, pattern_stack_outbox_lease TO app"))
            connection.execute(text("GRANT ALL ON SEQUENCE pattern_stack_outbox_id_seq TO app"))
        owner.dispose()
        await world.until_well()
        await committed(world, 1)
        await world.until_delivered(1)


async def test_a_database_that_comes_back(postgres_server: PostgresServer) -> None:
    async with plain(postgres_server.sqlalchemy_url) as world:
        await committed(world, 1)
        await world.until_delivered(1)
        postgres_server.kill()
        await world.until_trouble("the outbox cannot use its database")
        postgres_server.start()
        await world.until_well()
        await committed(world, 2)
        await world.until_delivered(1, 2)


async def test_the_application_starts_without_its_database(postgres_server: PostgresServer) -> None:
    postgres_server.kill()
    async with plain(postgres_server.sqlalchemy_url) as world:
        await world.until_trouble("the outbox cannot use its database")
        postgres_server.start()
        await world.until_well()
        await committed(world, 1)
        await world.until_delivered(1)


async def test_relays_that_start_at_once_make_one_table(postgres_url: str) -> None:
    worlds = [World(create_engine(postgres_url)) for _ in range(8)]
    routers = [world.outbox.get_router() for world in worlds]
    starts = [router.lifespan_context(router) for router in routers]
    await asyncio.gather(*(start.__aenter__() for start in starts))
    assert [world.outbox.trouble for world in worlds] == [None] * 8
    await asyncio.gather(*(start.__aexit__(None, None, None) for start in starts))
    for world in worlds:
        await dispose(world.engine)


# -- the relay


async def test_a_relay_that_died_takes_readiness_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> float:
        raise ZeroDivisionError

    async with plain(f"sqlite:///{tmp_path}/app.db") as world:
        monkeypatch.setattr(Relay, "_look", fail)
        assert await world.until_trouble("the relay of the outbox has ended")
        assert "ZeroDivisionError" in caplog.text


async def test_a_start_and_a_stop_say_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = engine_of(url)
    world = World(engine)
    for _ in range(2):
        async with world.app.router.lifespan_context(world.app):
            assert world.outbox.trouble is None
    await dispose(engine)
    assert [line.getMessage() for line in caplog.records if line.levelno > logging.INFO] == []
