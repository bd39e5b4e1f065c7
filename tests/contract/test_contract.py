"""The contract of protocol.md, point by point, over real sockets."""

import asyncio
import threading
from typing import Any

import pytest

from pattern_stack import History
from tests.contract.conftest import World
from tests.support.client import Message, client
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.lanes("slow", "fast")

Position = dict[str, Any]


async def publish(world: World, count: int, channel: str = "orders") -> list[int]:
    return [(await world.backend.broadcast(channel, "tick", {"n": n})).offset for n in range(count)]


def offsets(events: list[Message]) -> list[int]:
    return [event["offset"] for event in events]


async def test_all_see_one_order_without_gaps(world: World) -> None:
    async with client(world.server.url) as one, client(world.server.url) as two:
        await asyncio.gather(one.subscribe("orders"), two.subscribe("orders"))
        await asyncio.gather(
            *(world.backend.broadcast("orders", f"p{p}", {"n": n}) for n in range(50) for p in range(4))
        )
        first, second = await asyncio.gather(one.take(200), two.take(200))
        assert first == second
        assert offsets(first) == list(range(1, 201))


async def test_the_next_event_follows_the_position_told(world: World) -> None:
    await publish(world, 3)
    async with client(world.server.url) as one:
        assert (await one.subscribe("orders"))["orders"]["offset"] == 3
        await publish(world, 1)
        assert (await one.event())["offset"] == 4
        assert (await one.subscribe("orders"))["orders"]["offset"] == 4
        await one.nothing_more()


async def test_subscribing_amid_a_burst_loses_nothing(world: World) -> None:
    publishing = asyncio.create_task(publish(world, 1_000))
    for _ in range(10):
        async with client(world.server.url) as late:
            told = (await late.subscribe("orders"))["orders"]["offset"]
            got = await late.take(min(20, 1_000 - told))
            assert offsets(got) == list(range(told + 1, told + 1 + len(got)))
    await publishing


async def test_a_client_gets_exactly_what_it_missed(world: World) -> None:
    async with client(world.server.url) as one:
        left_at = (await one.subscribe("orders"))["orders"]
        one.cut()
    await publish(world, 5)
    async with client(world.server.url) as one:
        told = (await one.subscribe("orders", since={"orders": left_at}))["orders"]
        assert told == {**left_at, "recovered": True}
        await publish(world, 1)
        assert offsets(await one.take(6)) == [1, 2, 3, 4, 5, 6]
        await one.nothing_more()


@pytest.mark.parametrize("world", [{"history": History(events=4)}], indirect=True)
async def test_out_of_the_window_it_is_told_to_refetch(world: World) -> None:
    async with client(world.server.url) as one:
        left_at = (await one.subscribe("orders"))["orders"]
    await publish(world, 5)
    async with client(world.server.url) as one:
        told = (await one.subscribe("orders", since={"orders": left_at}))["orders"]
        assert told == {"epoch": left_at["epoch"], "offset": 5, "recovered": False}
        assert await one.receive() == {"reset": {"orders": {"epoch": left_at["epoch"], "offset": 5}}}
        await publish(world, 1)
        assert (await one.event())["offset"] == 6


@pytest.mark.parametrize("world", [{"history": History(events=4)}], indirect=True)
async def test_the_window_reaches_back_to_its_edge(world: World) -> None:
    await publish(world, 6)
    position = await world.backend.position("orders")
    edge = {"epoch": position.epoch, "offset": 2}
    async with client(world.server.url) as one:
        assert (await one.subscribe("orders", since={"orders": edge}))["orders"]["recovered"] is True
        assert offsets(await one.take(4)) == [3, 4, 5, 6]


@pytest.mark.parametrize("wrong", [{"epoch": "nobody's"}, {"offset": 99}])
async def test_a_position_of_no_order_is_a_reset(world: World, wrong: Position) -> None:
    await publish(world, 3)
    position = await world.backend.position("orders")
    async with client(world.server.url) as one:
        since = {"epoch": position.epoch, "offset": 2, **wrong}
        assert (await one.subscribe("orders", since={"orders": since}))["orders"]["recovered"] is False
        assert "reset" in await one.receive()
        await one.nothing_more()


async def test_many_channels_recover_in_one_frame(world: World) -> None:
    names = [f"c{n}" for n in range(20)]
    async with client(world.server.url) as one:
        left_at = await one.subscribe(*names)
    for name in names:
        await publish(world, 3, name)
    async with client(world.server.url) as one:
        told = await one.subscribe(*names, since=left_at)
        assert all(position["recovered"] for position in told.values())
        events = await one.take(60)
        assert [(event["channel"], event["offset"]) for event in events] == [
            (name, n) for name in names for n in (1, 2, 3)
        ]


async def test_order_across_channels_is_as_published(world: World) -> None:
    async with client(world.server.url) as one:
        await one.subscribe("a", "b")
        await world.backend.broadcast_many([("a", "x", {}), ("b", "x", {}), ("a", "y", {}), ("b", "y", {})])
        events = await one.take(4)
        assert [(event["channel"], event["event"]) for event in events] == [
            ("a", "x"),
            ("b", "x"),
            ("a", "y"),
            ("b", "y"),
        ]


async def test_what_returned_comes_before_what_began_later(world: World) -> None:
    """From the server's loop, this loop, and a thread, in turn."""
    seen: list[int] = []
    for _ in range(20):
        seen.append((await world.backend.broadcast("orders", "here", {})).offset)
        seen.append((await world.server.acall(lambda: world.backend.broadcast("orders", "there", {}))).offset)
        seen.append((await asyncio.to_thread(world.backend.broadcast_sync, "orders", "thread", {})).offset)
    assert seen == list(range(1, 61))


async def test_handlers_get_the_same_order(world: World) -> None:
    got: list[int] = []
    done = threading.Event()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        got.append(payload["n"])
        await asyncio.sleep(0)
        if payload["n"] == 99:
            done.set()

    await world.server.acall(lambda: world.backend.subscribe("orders", handler))
    await publish(world, 100)
    assert await asyncio.to_thread(done.wait, PATIENCE)
    assert got == list(range(100))
