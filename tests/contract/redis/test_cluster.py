"""A cluster of three: each channel lives on the node that has its slot."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from pattern_stack import Event, Position
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import CHANNEL, Instance, Journal
from tests.support.patience import PATIENCE
from tests.support.redis.cluster import RedisCluster

NAMES = [f"channel{n}" for n in range(20)]


@pytest.fixture
async def pair(redis_cluster: RedisCluster) -> AsyncIterator[list[Instance]]:
    async with Instance(redis_cluster.nodes[0].url) as one, Instance(redis_cluster.nodes[2].url) as two:
        await asyncio.gather(one.until_ready_says(200), two.until_ready_says(200))
        yield [one, two]


async def test_one_order_and_no_loss(pair: list[Instance]) -> None:
    journal = Journal()
    await journal.follow(*[each.server.url for each in pair] * 2)
    await asyncio.gather(*(journal.publish(each.backend, 50) for each in pair * 2))
    await journal.finish(pair[0].backend)
    await journal.end()
    assert not journal.log.raised


async def test_each_node_has_some_of_the_channels(pair: list[Instance], redis_cluster: RedisCluster) -> None:
    for name in NAMES:
        await pair[0].backend.broadcast(name, "e", {})
        assert redis_cluster.node_of(f"{{{name}}}").command("EXISTS", f"pattern_stack:{{{name}}}:events")
    assert len({redis_cluster.node_of(f"{{{name}}}").port for name in NAMES}) == 3


async def test_what_was_missed_is_recovered_through_another_node(pair: list[Instance]) -> None:
    one, two = (each.backend for each in pair)
    for name in NAMES:
        start: Position = (await one.broadcast(name, "e", {"n": 0})).position
        await one.broadcast_many([(name, "e", {"n": n}) for n in (1, 2)])
        missed: list[Event] = await pair[1].server.acall(lambda name=name, start=start: _first(two, name, start))  # type: ignore[misc]
        assert [event.offset for event in missed] == [2, 3]


async def _first(backend: object, name: str, start: Position) -> list[Event]:
    events: list[Event] = []
    async for event in backend.listen(name, start):  # type: ignore[attr-defined]
        events.append(event)
        if len(events) == 2:
            break
    return events


async def test_handlers_of_a_bridge_alone(redis_cluster: RedisCluster) -> None:
    backend = RedisBroadcastBackend(redis_cluster.url)
    got = asyncio.Event()

    async def handler(event_type: str, payload: dict[str, object]) -> None:
        got.set()

    await backend.subscribe(CHANNEL, handler)
    await backend.broadcast(CHANNEL, "e", {})
    await asyncio.wait_for(got.wait(), PATIENCE)
    await backend.close()


def calls(cluster: RedisCluster, command: str) -> int:
    """How often it was carried out, on all nodes."""
    stats = [node.command("INFO", "commandstats").get(f"cmdstat_{command}", {"calls": 0}) for node in cluster.nodes]
    return sum(int(one["calls"]) for one in stats)


async def test_a_message_goes_to_one_shard(pair: list[Instance], redis_cluster: RedisCluster) -> None:
    """Where the servers can do that: Redis 7 and later. Classic pub/sub sends it to every node."""
    if not pair[0].backend.bridge.engine._store._link.is_sharded:  # type: ignore[union-attr]
        pytest.skip("this Redis has no sharded pub/sub")
    before = calls(redis_cluster, "publish")
    journal = Journal()
    await journal.follow(*[each.server.url for each in pair])
    (node,) = [
        each for each in redis_cluster.nodes if each.command("PUBSUB", "SHARDCHANNELS", "pattern_stack:{orders}")
    ]
    assert node is redis_cluster.node_of("{orders}")
    await journal.publish(pair[0].backend, 20)
    await pair[1].backend.broadcast("other", "cursor", {}, ephemeral=True)
    await journal.finish(pair[1].backend)
    await journal.end()
    assert calls(redis_cluster, "publish") == before
    assert not any(each.command("PUBSUB", "CHANNELS", "*") for each in redis_cluster.nodes)


async def test_slots_that_move_while_events_flow(pair: list[Instance], redis_cluster: RedisCluster) -> None:
    """Clients stay; those of the channel are caught up, or told."""
    slot = key_slot(b"{orders}")
    here = redis_cluster.node_of("{orders}")
    there = next(node for node in redis_cluster.nodes if node is not here)
    journal = Journal()
    await journal.follow(*[each.server.url for each in pair] * 2)
    publishing = [asyncio.create_task(journal.publish(each.backend, 100)) for each in pair]
    for source, target in ((here, there), (there, here)):
        await asyncio.to_thread(redis_cluster.move, slot, source, target)
        await journal.publish(pair[0].backend, 5)
    await asyncio.gather(*publishing)
    await journal.finish(pair[1].backend)
    await journal.end()
    assert {one.connections for one in journal.followers} == {1}
