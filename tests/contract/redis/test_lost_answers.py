"""A publish whose answer was lost is in the order once, or raises: never under two offsets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pattern_stack import BroadcastUnavailable, History
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis_store import RedisStore
from pattern_stack.atoms.redis import LinkDown, link
from tests.contract.drill import CHANNEL, Drill, drill, over
from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy, proxy
from tests.support.redis.replicated import Replicated
from tests.support.redis.server import RedisServer

EVENTS = f"pattern_stack:{{{CHANNEL}}}:events"
STATE = f"pattern_stack:{{{CHANNEL}}}:state"


@pytest.fixture(autouse=True)
def _unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that loses answers loses that of a probe under way, too, and what is published then waits behind it."""
    monkeypatch.setattr(link, "_PROBE_SECONDS", 1_000)


def make_old(redis: RedisServer) -> None:
    """Have the channel's epoch begin before the second that a retry leaves for clocks: all that it holds can be looked at."""
    redis.command("HINCRBY", STATE, "began", -5_000)


async def until_kept(redis: RedisServer, count: int) -> None:
    while redis.command("XLEN", EVENTS) < count:  # noqa: ASYNC110 - Redis is asked
        await asyncio.sleep(0.01)


@asynccontextmanager
async def far(redis: RedisServer, events: int = 256) -> AsyncIterator[tuple[RedisBroadcastBackend, Proxy]]:
    """A backend over a line. One event is there, of an old epoch."""
    async with proxy(redis.port) as line:
        backend = RedisBroadcastBackend(over(line, redis), history=History(events=events))
        await backend.broadcast(CHANNEL, "old", {})
        make_old(redis)
        try:
            yield backend, line
        finally:
            await backend.close()


async def answers_are_held(redis: RedisServer, one: Drill, publishing: list[asyncio.Task[None]]) -> bool:
    """Publish, until an event is there whose answer is not. False where all waits behind an older answer that is held."""
    kept = redis.command("XLEN", EVENTS)
    one.line.hold("down")
    backends = [each.backend for each in one.instances]
    publishing += [asyncio.create_task(one.publish(backend)) for backend in backends * 5]
    while redis.command("XLEN", EVENTS) == kept:  # the rest may wait for its answer, or be lost before they are read
        if not any(backend.is_ready for backend in backends):
            return False
        await asyncio.sleep(0.01)
    return True


async def lose_the_answers(redis: RedisServer) -> None:
    async with drill(redis) as one:
        make_old(redis)
        publishing: list[asyncio.Task[None]] = []
        while not await answers_are_held(redis, one, publishing):
            await one.line.restore()
            await asyncio.gather(*publishing)
            await asyncio.gather(*(each.until_ready_says(200) for each in one.instances))
        before = one.log.raised.copy()
        one.line.cut()
        await one.line.restore()
        await asyncio.gather(*publishing)
        await one.conclude()
        assert one.log.raised == before


async def test_the_event_is_found_where_the_first_try_put_it(redis_server: RedisServer) -> None:
    await lose_the_answers(redis_server)


async def test_who_repeats_blindly_is_found_out(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinkDown, "sent", property(lambda lost: False, lambda lost, sent: None), raising=False)
    with pytest.raises(AssertionError):
        await lose_the_answers(redis_server)


async def test_a_question_that_was_lost_is_asked_again(redis_server: RedisServer) -> None:
    async with far(redis_server) as (backend, line):
        line.swallow("up")
        publishing = asyncio.create_task(backend.broadcast(CHANNEL, "e", {}))
        while backend.is_ready:  # noqa: ASYNC110 - the link has no event for a test
            await asyncio.sleep(0.02)
        await line.restore()
        assert (await publishing).offset == 2
        assert redis_server.command("XLEN", EVENTS) == 2


async def test_what_has_left_the_window_since_is_not_published_again(redis_server: RedisServer) -> None:
    async with far(redis_server, events=4) as (backend, line):
        other = RedisBroadcastBackend(redis_server.url, history=History(events=4))
        line.hold("down")
        publishing = asyncio.create_task(backend.broadcast(CHANNEL, "mine", {}))
        await until_kept(redis_server, 2)
        for _ in range(6):
            await other.broadcast(CHANNEL, "later", {})
        while backend.is_ready:  # noqa: ASYNC110 - the link has no event for a test
            await asyncio.sleep(0.02)
        await line.restore()
        with pytest.raises(BroadcastUnavailable, match="cannot be known"):
            await publishing
        assert (await other.position(CHANNEL)).offset == 8
        await other.close()


async def test_a_store_that_has_lost_it_is_not_asked_to_publish_it_again(redis_server: RedisServer) -> None:
    """Some client may have had it."""
    async with far(redis_server) as (backend, line):
        line.hold("down")
        publishing = asyncio.create_task(backend.broadcast(CHANNEL, "e", {}))
        await until_kept(redis_server, 2)
        redis_server.restart()
        line.cut()
        await line.restore()
        with pytest.raises(BroadcastUnavailable, match="cannot be known"):
            await publishing
        assert not redis_server.command("XLEN", EVENTS)


def test_a_first_try_that_comes_after_the_second_is_not_published(redis_server: RedisServer) -> None:
    """A network that has lost its way for a while still delivers what it holds."""
    topic = EVENTS.removesuffix(":events")
    script = RedisStore(redis_server.url, "pattern_stack")._publish

    def publish(id: str, tried: int) -> list[str]:
        keys = (f"{topic}:state", EVENTS, f"{topic}:again:{id}", f"{topic}:lives", f"{topic}:key:")
        place: list[str] = redis_server.command(
            "EVAL", script, len(keys), *keys, "generation", 60_000, "{}", id, 256, 60_000, 2**24, topic, tried, 0
        )
        return place

    epoch, first = publish("old", -1)
    assert first == 1
    time.sleep(0.01)  # the epoch was there before
    assert publish("mine", 0) == [epoch, 2]
    assert publish("mine", -1) == []
    assert publish("mine", 0) == [epoch, 2]
    assert publish("next", -1) == [epoch, 3]
    assert redis_server.command("XLEN", EVENTS) == 3


async def test_a_replica_that_lacks_the_last_writes_begins_a_new_epoch(redis_replicated: Replicated) -> None:
    primary, replica = redis_replicated.primary, redis_replicated.replica
    async with drill(primary, past_the_line=False) as one:
        redis_replicated.catch_up()
        redis_replicated.detach()
        await one.publish_everywhere(10)
        redis_replicated.fail_over()
        one.line.target = replica.port
        await one.publish_everywhere(10)
        await one.conclude()
        assert one.resets
        assert len({place[0] for place in (published.place for published in one.log.published)}) == 2


async def test_a_key_finds_the_first_try_wherever_it_stands(redis_server: RedisServer) -> None:
    """Also where it has left the window, and nothing else could tell."""
    async with far(redis_server, events=4) as (backend, line):
        other = RedisBroadcastBackend(redis_server.url, history=History(events=4))
        line.hold("down")
        publishing = asyncio.create_task(backend.broadcast(CHANNEL, "mine", {}, key="a1"))
        await until_kept(redis_server, 2)
        repeat = await other.broadcast(CHANNEL, "mine", {"n": "another"}, key="a1")
        assert (repeat.offset, repeat.payload) == (2, {})
        for _ in range(6):
            await other.broadcast(CHANNEL, "later", {})
        line.cut()
        await line.restore()
        assert (await publishing).position == repeat.position
        late = await other.broadcast(CHANNEL, "mine", {}, key="a1")
        assert late == repeat
        with pytest.raises(LookupError):
            late.payload  # noqa: B018
        assert (await other.position(CHANNEL)).offset == 8
        await other.close()


async def test_a_new_epoch_forgets_keys(redis_server: RedisServer) -> None:
    async with RedisBroadcastBackend(redis_server.url) as one:
        first = await one.broadcast(CHANNEL, "e", {}, key="a1")
        redis_server.command("DEL", f"pattern_stack:{{{CHANNEL}}}:state")
        await one.broadcast(CHANNEL, "begins the epoch", {})
        second = await one.broadcast(CHANNEL, "e", {}, key="a1")
        assert (second.offset, second.epoch != first.epoch) == (2, True)
        assert await one.broadcast(CHANNEL, "e", {}, key="a1") == second
        left = redis_server.command("PTTL", f"pattern_stack:{{{CHANNEL}}}:key:a1")
        assert 300_000 - PATIENCE * 1_000 < left <= 300_000


async def test_an_ephemeral_event_reaches_the_other_instances_and_leaves_nothing(redis_server: RedisServer) -> None:
    async with RedisBroadcastBackend(redis_server.url) as one, RedisBroadcastBackend(redis_server.url) as two:
        got: asyncio.Queue[str] = asyncio.Queue()

        async def handler(event_type: str, payload: dict[str, int]) -> None:
            got.put_nowait(event_type)

        await two.subscribe(CHANNEL, handler)
        await one.broadcast(CHANNEL, "typing", {}, ephemeral=True)
        assert await got.get() == "typing"
        assert redis_server.command("KEYS", "*orders*") == []
        assert two.engine.unrecognised == 0
