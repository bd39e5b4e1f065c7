"""Redis behind three sentinels: the primary is asked for by name, and a failover is followed with the epoch fenced."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pattern_stack import BroadcastUnavailable, InvalidURL, broadcast_from_url
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.redis.errors import LinkDown, ServerRejected
from pattern_stack.atoms.redis.sentinel import chosen
from pattern_stack.atoms.redis.url import target_of
from tests.contract.drill import Instance, Journal
from tests.contract.redis.test_starts import SECRET, start
from tests.support.patience import PATIENCE
from tests.support.redis.guarded import NAME, Guarded

pytestmark = pytest.mark.redis


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    with Guarded() as servers:
        yield servers


@asynccontextmanager
async def two_instances(url: str) -> AsyncIterator[tuple[list[Instance], Journal]]:
    """With clients on both, in step."""
    async with AsyncExitStack() as ends:
        instances = [await ends.enter_async_context(Instance(url, patience=30)) for _ in range(2)]
        await asyncio.gather(*(one.until_ready_says(200) for one in instances))
        journal = Journal()
        await journal.follow(*[one.server.url for one in instances] * 2)
        ends.push_async_callback(journal.end)
        await asyncio.gather(*(journal.publish(one.backend, 5) for one in instances))
        yield instances, journal


async def in_another_epoch(journal: Journal, one: Instance) -> None:
    """Until what this instance publishes is: it may write to the old primary for as long as nobody has told it."""
    before = journal.log.published[0].place[0]
    while True:
        await journal.publish(one.backend)
        if journal.log.published[-1].place[0] != before:
            return
        await asyncio.sleep(0.02)


async def test_the_primary_is_killed(guarded: Guarded) -> None:
    """What was published is in the order once, clients stay, and the new primary's history is another epoch."""
    async with two_instances(guarded.url()) as (instances, journal):
        publishing = [asyncio.create_task(journal.publish(one.backend, 20)) for one in instances]
        guarded.primary.kill()
        await asyncio.gather(*publishing)
        assert guarded.replica.info("role") == "master"
        await journal.finish(instances[0].backend)
        assert {one.connections for one in journal.followers} == {1}
        assert len({place[0] for place in (one.place for one in journal.log.published)}) == 2
        assert all(one.reader.resets for one in journal.followers)


async def test_the_sentinels_are_told_to_fail_over(guarded: Guarded) -> None:
    """The old primary goes on living, as a replica: who still asks it is refused."""
    async with two_instances(guarded.url()) as (instances, journal):
        publishing = [asyncio.create_task(journal.publish(one.backend, 20)) for one in instances]
        guarded.sentinels[0].command("SENTINEL", "FAILOVER", NAME)
        await asyncio.to_thread(guarded.until_promoted, guarded.replica)
        await asyncio.gather(*publishing)
        async with asyncio.timeout(PATIENCE):
            for one in instances:
                await in_another_epoch(journal, one)
        await journal.finish(instances[0].backend)
        while guarded.primary.command("PUBSUB", "NUMSUB", "pattern_stack:{orders}")[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_sentinel_that_is_away_is_not_needed(guarded: Guarded) -> None:
    guarded.sentinels[0].end()
    async with RedisBroadcastBackend(guarded.url()) as backend:
        assert (await backend.broadcast("orders", "e", {})).offset == 1


async def test_passwords_of_either_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Guarded(password="of-redis", sentinel_password="of-sentinels") as guarded:
        right = (":of-redis@", "?sentinel_password=of-sentinels")
        async with RedisBroadcastBackend(guarded.url(*right)) as backend:
            await backend.broadcast("orders", "e", {})
        said = await start(guarded.url(right[0], f"?sentinel_password={SECRET}"))
        assert "of its sentinels, one says" in said
        assert "sentinels" in await start(guarded.url(right[0]))
        assert "it says" in await start(guarded.url(f":{SECRET}@", right[1]))
        said = await start(guarded.url(*right, name="unknown"))
        assert said.endswith("its sentinels know no primary of the name 'unknown'")
    assert SECRET not in caplog.text


async def test_sentinels_that_do_not_answer_are_waited_for() -> None:
    with Guarded() as guarded:
        url = guarded.url()
    async with RedisBroadcastBackend(url, patience=0.1) as backend:
        with pytest.raises(BroadcastUnavailable):
            await backend.broadcast("orders", "e", {})


def test_what_most_of_them_say_holds() -> None:
    old, new = (b"10.0.0.1", b"6379"), (b"10.0.0.2", b"6380")
    assert chosen([old, new, new], NAME) == {"host": "10.0.0.2", "port": 6380}
    assert chosen([None, OSError(), old], NAME) == {"host": "10.0.0.1", "port": 6379}
    with pytest.raises(ServerRejected, match="know no primary"):
        chosen([None, OSError()], NAME)
    with pytest.raises(LinkDown):
        chosen([OSError(), TimeoutError()], NAME)


def test_urls() -> None:
    url = "rediss+sentinel://ann:p%40ss@one,[::1]:26380/orders/3?sentinel_password=s&ssl_cert_reqs=none"
    target = target_of(url)
    assert target.place == "one:26379,[::1]:26380/orders"
    server = target.dial({"host": "10.0.0.1", "port": 1})
    assert (server.username, server.password, server.db) == ("ann", "p@ss", 3)
    assert target.sentinels
    first, second = (dial({}) for dial in target.sentinels.dials)
    assert [(one.host, one.port, one.password, one.db) for one in (first, second)] == [  # type: ignore[attr-defined]
        ("one", 26379, "s", 0),
        ("::1", 26380, "s", 0),
    ]


@pytest.mark.parametrize(
    "rest",
    [
        f":{SECRET}@one:26379",
        f":{SECRET}@one:port/orders",
        f":{SECRET}@/orders",
        f":{SECRET}@one/orders/zero",
        f":{SECRET}@one,/orders",
        f":{SECRET}@one/orders?wrong=1",
        f":{SECRET}@[::1/orders",
    ],
)
def test_urls_that_cannot_be_read(rest: str) -> None:
    with pytest.raises(InvalidURL) as raised:
        broadcast_from_url(f"redis+sentinel://{rest}")
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
