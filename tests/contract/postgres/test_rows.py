"""What lies in the tables: a publish whose answer was lost once, a window and not much more, and nothing that has run out."""

import asyncio
from collections.abc import Iterator

import pytest

from pattern_stack import History
from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from pattern_stack.atoms.broadcast.core.ledger import Claim
from pattern_stack.atoms.postgres import LinkDown
from tests.contract.drill import CHANNEL, drill
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as one:
        yield one


def kept(server: PostgresServer, prefix: str = "pattern_stack") -> int:
    ((count,),) = server.execute(f"SELECT count(*) FROM {prefix}_events WHERE channel = %s", CHANNEL)
    return int(count)


async def lose_the_answers(server: PostgresServer) -> None:
    async with drill(server) as one:
        before = kept(server)
        one.line.hold("down")
        backends = [each.backend for each in one.instances]
        publishing = [asyncio.create_task(one.publish(backend)) for backend in backends * 5]
        async with asyncio.timeout(PATIENCE):
            while kept(server) < before + len(backends):  # noqa: ASYNC110 - PostgreSQL is asked
                await asyncio.sleep(0.01)
        one.line.cut()
        await one.line.restore()
        await asyncio.gather(*publishing)
        await one.conclude()
        assert not one.log.raised
        assert not one.resets


async def test_the_event_is_found_where_the_first_try_put_it(postgres_server: PostgresServer) -> None:
    await lose_the_answers(postgres_server)


async def test_who_repeats_blindly_is_found_out(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkDown, "sent", property(lambda lost: False, lambda lost, sent: None), raising=False)
    with pytest.raises(AssertionError):
        await lose_the_answers(postgres_server)


@pytest.mark.parametrize(
    ("window", "most"), [(History(events=10), 42), (History(bytes=2_000), 60), (History(seconds=0.001), 52)]
)
async def test_what_leaves_the_window_is_deleted(server: PostgresServer, window: History, most: int) -> None:
    prefix = f"window{most}"
    async with PostgresBroadcastBackend(server.url, channel_prefix=prefix, history=window) as one:
        for _ in range(10):
            await asyncio.gather(*(one.broadcast(CHANNEL, "e", {}) for _ in range(20)))
    assert 1 <= kept(server, prefix) <= most


async def test_what_has_run_out_is_swept(server: PostgresServer) -> None:
    async with PostgresBroadcastBackend(server.url, channel_prefix="swept") as one:
        await one.broadcast_many([(f"old:{n}", "e", {}) for n in range(500)])
        await one.broadcast_many([("idle", "e", {"n": n}) for n in range(9)])
        await one._store.claim("room", "k", "me")
        server.execute("UPDATE swept_events SET at = at - interval '25 hours' WHERE channel LIKE 'old:%'")
        server.execute("UPDATE swept_events SET at = at - interval '1 hour', expires = at")
        server.execute("UPDATE swept_claims SET expires = renewed")
        await one.broadcast(CHANNEL, "e", {})
        await one._store._sweeper.sweep()
        assert server.execute("SELECT DISTINCT channel FROM swept_events ORDER BY 1") != [
            ("idle",),
            (CHANNEL,),
        ]  # too soon
        server.execute("UPDATE swept_meta SET swept = swept - interval '11 minutes'")
        await one._store._sweeper.sweep()
        left = server.execute("SELECT channel, place FROM swept_events ORDER BY 1")
        assert left == [("idle", 9), (CHANNEL, 1)]
        assert await one._store.claim("room", "k", "other") == Claim("new")
        assert (await one.position("idle")).offset == 9
