"""What a bridge is to those who use it: whose loop, whose end, and which channels never cross it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pattern_stack import (
    BroadcastBackend,
    BroadcastClosed,
    BroadcastUnavailable,
    Channel,
    History,
    Position,
    WebSocketBroadcastBackend,
)
from tests.contract.conftest import Make
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend

MakeBridge = Callable[..., Any]


@pytest.fixture
async def alone(make_bridge: MakeBridge) -> Any:
    async with make_bridge() as backend:
        yield backend


async def test_several_handlers_of_one_channel_each_get_every_event(alone: BroadcastBackend) -> None:
    got: list[list[int]] = [[], []]
    done = asyncio.Event()

    def handler(index: int) -> Any:
        async def handle(event_type: str, payload: dict[str, Any]) -> None:
            got[index].append(payload["n"])
            if all(len(one) == 50 for one in got):
                done.set()

        return handle

    for index in range(2):
        await alone.subscribe("orders", handler(index))
    events = [await alone.broadcast("orders", "x", {"n": n}) for n in range(50)]
    await asyncio.wait_for(done.wait(), PATIENCE)
    assert got == [list(range(50))] * 2
    assert [event.offset for event in events] == list(range(1, 51))
    assert await alone.position("orders") == events[-1].position


async def test_listen_since_a_position_of_another_instance(alone: BroadcastBackend, make_bridge: MakeBridge) -> None:
    start = await alone.position("orders")
    async with make_bridge() as other:
        for n in range(5):
            await other.broadcast("orders", "x", {"n": n})
        events = alone.listen("orders", since=Position(start.epoch, 2))
        assert [(await anext(events)).payload["n"] for _ in range(3)] == [2, 3, 4]
        await events.aclose()


async def test_broadcast_many_keeps_its_order(alone: BroadcastBackend) -> None:
    events = await alone.broadcast_many([("a", "x", {"n": n}) for n in range(100)])
    assert [event.offset for event in events] == list(range(1, 101))


async def test_after_its_close_nothing_works(make_bridge: MakeBridge) -> None:
    bridge = make_bridge()
    backend = WebSocketBroadcastBackend(bridge=bridge)
    await backend.broadcast("orders", "x", {})
    await bridge.close()
    with pytest.raises(BroadcastClosed):
        await bridge.broadcast("orders", "x", {})
    with pytest.raises(BroadcastClosed):
        await backend.broadcast("orders", "x", {})


async def test_a_thread_cannot_publish_before_there_is_a_loop(make_bridge: MakeBridge) -> None:
    backend = make_bridge()
    with pytest.raises(BroadcastUnavailable, match="no loop"):
        await asyncio.to_thread(backend.broadcast_sync, "orders", "x", {})
    assert (await backend.broadcast("orders", "x", {})).offset == 1
    assert (await asyncio.to_thread(backend.broadcast_sync, "orders", "x", {})).offset == 2
    await backend.close()


def test_one_loop_after_the_other(make_bridge: MakeBridge) -> None:
    backend = make_bridge()

    async def publish() -> int:
        return (await backend.broadcast("orders", "x", {})).offset

    assert [asyncio.run(publish()) for _ in range(3)] == [1, 2, 3]


async def test_a_local_channel_stays_on_its_instance(make_instance: Make) -> None:
    here, there = make_instance(), make_instance()
    for backend in (here, there):

        @backend.channel("local:{name}", local=True)
        class Local(Channel): ...

    with serving_backend(here) as one_server, serving_backend(there) as other_server:
        async with client(one_server.url) as one, client(other_server.url) as other:
            for who in (one, other):
                await who.subscribe("local:a", "shared")
            await here.broadcast_many([("shared", "x", {}), ("local:a", "x", {}), ("shared", "y", {})])
            assert sorted([(await one.event())["channel"] for _ in range(3)]) == ["local:a", "shared", "shared"]
            assert [(await other.event())["event"] for _ in range(2)] == ["x", "y"]
            await other.nothing_more()


async def test_the_window_of_a_pattern_holds_in_the_store(make_instance: Make) -> None:
    backend = make_instance()

    @backend.channel("short", history=History(events=2))
    class Short(Channel): ...

    start = await backend.position("short")
    for _ in range(5):
        await backend.broadcast("short", "x", {})
    with serving_backend(make_instance()) as server:
        async with client(server.url) as one:
            since = {"epoch": start.epoch, "offset": 3}
            assert (await one.subscribe("short", since={"short": since}))["short"]["recovered"] is True
        async with client(server.url) as one:
            since = {"epoch": start.epoch, "offset": 2}
            assert (await one.subscribe("short", since={"short": since}))["short"]["recovered"] is False
    await backend.close()


async def test_a_client_that_comes_from_another_instance_is_not_reset(
    make_instance: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may know of events that are still on their way to this one: here they never come by themselves."""
    here, there = make_instance(), make_instance()
    with serving_backend(here) as one_server, serving_backend(there) as other_server:
        async with client(one_server.url) as stays, client(other_server.url) as moves:
            await stays.subscribe("orders")
            await moves.subscribe("orders")
            monkeypatch.setattr(here._instance.engine._shared._store, "arrived", lambda channel, arrival: None)
            events = [await there.broadcast("orders", "x", {}) for _ in range(3)]
            assert [(await moves.event())["offset"] for _ in range(3)] == [1, 2, 3]
            place = {"epoch": events[1].epoch, "offset": 2}
            async with client(one_server.url) as moved:
                assert (await moved.subscribe("orders", since={"orders": place}))["orders"]["recovered"] is True
                assert (await moved.event())["offset"] == 3
                await moved.nothing_more()
            assert [(await stays.event())["offset"] for _ in range(3)] == [1, 2, 3]
