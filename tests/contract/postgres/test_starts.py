"""What can never work ends the start with one clear line, and no secret in it; what may work later is waited for."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from pattern_stack import InvalidURL, broadcast_from_url
from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from tests.contract.drill import CHANNEL, Instance, over, raises
from tests.contract.redis.test_starts import refused, start
from tests.support.pgbouncer import pooler
from tests.support.postgres import PostgresServer
from tests.support.proxy import proxy

SECRET = "hunter2"

UNREADABLE = [
    f"postgresql://:{SECRET}@127.0.0.1:port/app",
    f"postgresql://:{SECRET}@127.0.0.1:99999/app",
    f"postgresql://:{SECRET}@[::1/app",
    f"postgres://ann:{SECRET}@127.0.0.1/app?wrong=1",
    f"postgresql://ann:{SECRET}@127.0.0.1/app?sslmode",
    f"postgresql+asyncpg://ann:{SECRET}@127.0.0.1/app",
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as one:
        yield one


@pytest.mark.parametrize("url", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_url_that_cannot_be_read(url: str) -> None:
    with pytest.raises(InvalidURL) as raised:
        broadcast_from_url(url)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert SECRET not in str(raised.value)


def test_an_option_that_libpq_does_not_know_is_named() -> None:
    with pytest.raises(InvalidURL, match="the option prepare_threshold, which libpq"):
        broadcast_from_url("postgresql://127.0.0.1/app?sslmode=prefer&prepare_threshold=0")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
async def test_every_form_of_a_url_works(server: PostgresServer, scheme: str) -> None:
    backend = broadcast_from_url(server.url.replace("postgresql", scheme), channel_prefix="forms")
    await backend.broadcast(CHANNEL, "e", {})
    await backend.close()
    assert isinstance(backend.bridge, PostgresBroadcastBackend)
    await backend.bridge.close()


async def test_a_password_and_a_database_that_are_wrong(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert 'says: password authentication failed for user "nobody"' in await start(server.url_as("nobody", SECRET))
    assert 'says: database "nowhere" does not exist' in await start(server.url_as(database="nowhere"))
    assert SECRET not in caplog.text


def test_serve_says_so_in_one_line(server: PostgresServer) -> None:
    told = [line for line in refused(server.url_as("nobody", SECRET)).splitlines() if "PostgreSQL" in line]
    assert len(told) == 1
    assert f"PostgreSQL at 127.0.0.1:{server.port} cannot be used: it says" in told[0]


async def test_a_right_that_is_missing_is_named(server: PostgresServer) -> None:
    server.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
    server.execute("CREATE DATABASE rights")
    url = server.url_as("app", SECRET, "rights")
    assert 'the role "app" lacks the right CREATE on schema public' in await start(url)
    owner = PostgresBroadcastBackend(server.url_as(database="rights"))
    await owner.broadcast(CHANNEL, "e", {})
    await owner.close()
    assert 'the role "app" lacks the right ' in await start(url)
    with server.connect(server.url_as(database="rights")) as connection:
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app")
        connection.execute("REVOKE INSERT ON pattern_stack_events FROM app")
        assert "the right INSERT on table " in await start(url)
        connection.execute("GRANT INSERT ON pattern_stack_events TO app")
        async with Instance(url) as one:  # what docs/postgresql.md names is enough
            assert (await one.backend.broadcast(CHANNEL, "e", {}, key="k")).offset == 2
            assert await one.backend.history(CHANNEL, last=2)
            connection.execute("REVOKE INSERT ON pattern_stack_events FROM app")
            await raises(one.backend)
            await one.until_ready_says(503)
            connection.execute("GRANT INSERT ON pattern_stack_events TO app")
            await one.until_ready_says(200)
        connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        assert 'the role "app" lacks the right EXECUTE on pg_control_system()' in await start(url)


async def test_a_database_whose_encoding_cannot_carry_events(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "encoding is LATIN1; it has to be UTF8" in await start(server.url_as(database="latin"))


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_shares_sessions(server: PostgresServer, mode: str) -> None:
    with pooler(server, mode) as url:
        assert "a pooler stands before it" in await start(url)


async def test_a_pooler_that_lends_a_session_for_as_long_as_it_is_wanted(server: PostgresServer) -> None:
    with pooler(server, "session") as url:
        async with Instance(url) as one:
            await one.until_ready_says(200)
            await one.backend.broadcast(CHANNEL, "e", {})


async def test_twenty_at_once_on_an_empty_database(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE empty")
    backends = [PostgresBroadcastBackend(server.url_as(database="empty")) for _ in range(20)]
    events = await asyncio.gather(*(one.broadcast(CHANNEL, "e", {}) for one in backends))
    assert sorted(event.offset for event in events) == list(range(1, 21))
    assert len({event.epoch for event in events}) == 1
    await asyncio.gather(*(one.close() for one in backends))


async def test_prefixes_keep_applications_apart(server: PostgresServer) -> None:
    prefixes = ["shop", "Shop", "shop:2", "späti", "x" * 100, 'o";DROP', "1shop"]
    for prefix in prefixes * 2:
        async with PostgresBroadcastBackend(server.url, channel_prefix=prefix) as one:
            await one.broadcast(CHANNEL, prefix[:9], {})
    for prefix in prefixes:
        async with PostgresBroadcastBackend(server.url, channel_prefix=prefix) as one:
            assert [event.event_type for event in await one.history(CHANNEL, last=5)] == [prefix[:9]] * 2


async def test_who_does_not_answer_is_waited_for(server: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with proxy(server.port) as line:
        line.swallow()
        alone = PostgresBroadcastBackend(over(line, server), patience=0.5)
        async with Instance(over(line, server), 0.5) as one:
            await asyncio.gather(one.tells_the_truth(), raises(alone))
            await line.restore()
            await one.until_ready_says(200)
            await one.backend.broadcast("orders", "e", {})
        await alone.close()
    assert SECRET not in caplog.text


async def test_who_only_publishes_has_one_session(server: PostgresServer) -> None:
    def sessions() -> int:
        ((count,),) = server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'few'")
        return int(count)

    one = PostgresBroadcastBackend(f"{server.url}?application_name=few")
    first = await one.broadcast(CHANNEL, "e", {})
    assert sessions() == 1
    events = one.listen(CHANNEL, since=first.position)
    await one.broadcast(CHANNEL, "f", {})
    assert (await anext(events)).event_type == "f"
    await events.aclose()
    assert sessions() == 3
    await one.close()
