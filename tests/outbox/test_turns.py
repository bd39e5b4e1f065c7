"""One relay at a time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select, text

from pattern_stack import broadcast_from_url
from pattern_stack.outbox import turns
from pattern_stack.outbox.database import Database
from pattern_stack.outbox.tables import make, tables
from pattern_stack.outbox.turns import LeaseTurns, Turns
from tests.outbox.test_faults import commit
from tests.outbox.world import World, dispose
from tests.support.redis.server import RedisServer


@pytest.fixture
def engine(sync_url: str) -> Iterator[Engine]:
    engine = create_engine(sync_url)
    with engine.begin() as connection:
        make(connection, tables())
    yield engine
    engine.dispose()


def take(engine: Engine, of: Turns) -> bool:
    with engine.begin() as connection:
        return of.take(connection)


def give_up(engine: Engine, of: Turns) -> None:
    with engine.begin() as connection:
        of.give_up(connection)


def test_one_has_the_turn_until_it_gives_it_up(engine: Engine) -> None:
    one, two = (turns.turns(engine.dialect.name, tables()) for _ in range(2))
    assert take(engine, one)
    assert take(engine, one)
    assert one.is_ours
    assert not take(engine, two)
    assert not two.is_ours
    give_up(engine, two)
    assert not take(engine, two)
    give_up(engine, one)
    assert not one.is_ours
    assert take(engine, two)
    assert not take(engine, one)
    two.close()
    one.close()


async def test_a_lease_is_renewed_and_runs_out(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SECONDS", 60)
    monkeypatch.setattr(turns, "RENEWED", 0.01)
    engine = create_engine(postgres_url)
    database = Database(engine)
    await database.run(lambda connection: make(connection, tables()))
    one, two = LeaseTurns(tables()), LeaseTurns(tables())
    assert await database.run(one.take)
    until = tables().lease.c.until
    first = await database.run(lambda connection: connection.scalar(select(until)))
    async with one.kept(database.run):
        while await database.run(lambda connection: connection.scalar(select(until))) == first:
            assert not await database.run(two.take)
    assert one.is_ours
    await database.run(
        lambda connection: connection.execute(text("UPDATE pattern_stack_outbox_lease SET until = now()"))
    )
    assert await database.run(two.take)  # as where it was not renewed
    assert not await database.run(one.take)
    assert not one.is_ours
    engine.dispose()


def test_a_file_lock_goes_with_its_holder(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    one, two = (turns.turns("sqlite", tables()) for _ in range(2))
    assert take(engine, one)
    assert not take(engine, two)
    one.close()  # as the system does for a process that is killed
    assert take(engine, two)
    two.close()
    engine.dispose()


async def test_relays_of_several_instances_publish_each_event_once(sync_url: str, redis_server: RedisServer) -> None:
    worlds = [World(create_engine(sync_url), broadcast_from_url(redis_server.url)) for _ in range(3)]
    async with worlds[0].running(), worlds[1].running(), worlds[2].running():
        for n in range(90):
            world = worlds[n % 3]
            assert isinstance(world.engine, Engine)
            await asyncio.to_thread(commit, world.engine, world.outbox, n)
        for world in worlds:
            await world.until_delivered(*range(90))
        await worlds[0].until_empty()
    for world in worlds:
        await world.broadcast.close()
        await dispose(world.engine)
