import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.outbox.world import World, dispose, engine_of, make_orders
from tests.support.postgres import PostgresServer

_numbers = itertools.count()

KINDS = ["sqlite", "aiosqlite", "psycopg", "psycopg-async", "asyncpg"]


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(_postgres: PostgresServer) -> str:
    """An empty database of one server that no test kills."""
    name = f"outbox{next(_numbers)}"
    _postgres.execute(f"CREATE DATABASE {name}")
    return _postgres.url_as(database=name).replace("postgresql:", "postgresql+psycopg:")


def _url(kind: str, request: pytest.FixtureRequest, directory: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{directory}/app.db"
    if kind == "aiosqlite":
        return f"sqlite+aiosqlite:///{directory}/app.db"
    of_psycopg: str = request.getfixturevalue("postgres_url")
    others = {"asyncpg": of_psycopg.replace("psycopg", "asyncpg"), "psycopg-async": f"{of_psycopg}?async"}
    return others.get(kind, of_psycopg)


@pytest.fixture(params=["sqlite", "psycopg-async"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of each dialect, one synchronous and one not: see engine_of."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=KINDS)
def every_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of each kind of engine."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "psycopg"])
def sync_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of each dialect, synchronous."""
    return _url(request.param, request, tmp_path)


@asynccontextmanager
async def _running(url: str) -> AsyncIterator[World]:
    engine = engine_of(url)
    await make_orders(engine)
    world = World(engine)
    async with world.running():
        yield world
    await dispose(engine)


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """Running, with a table of orders."""
    async with _running(url) as world:
        yield world


@pytest.fixture
async def every_world(every_url: str) -> AsyncIterator[World]:
    """The same on each kind of engine."""
    async with _running(every_url) as world:
        yield world
