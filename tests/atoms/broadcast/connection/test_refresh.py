"""New snapshots, and who leaves, or what ends, while one is under way."""

from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import serving_backend
from tests.support.watched import Turnstile, Watched, called, publish, shown


async def test_refresh_gives_a_new_one_to_who_asked(backend: WebSocketBroadcastBackend) -> None:
    turnstile = Turnstile(free=9)
    Watched(backend, snapshot=turnstile)
    Watched(backend, "plain:{name}")
    with serving_backend(backend) as server:
        async with client(server.url) as one, client(server.url) as other:
            for each in (one, other):
                await each.subscribe("room:7", "plain:7", "orders")
                await each.event()
            await publish(backend, "live")
            assert (await one.event())["offset"] == 1
            await one.send({"refresh": ["orders", "room:7", "room:8", "nowhere"], "id": 50})
            assert await one.receive() == {"id": 50, "refreshed": ["room:7"]}
            snapshot = await one.event()
            assert shown([snapshot]) == [("snapshot", 1)]
            assert snapshot["payload"] == {"n": 3}
            await publish(backend, "next")
            assert shown([await one.event()]) == [("next", 2)]
            assert shown(await other.take(2)) == [("live", 1), ("next", 2)]
            await one.send({"refresh": ["room:7"]})
            assert shown([await one.event()]) == [("snapshot", 2)]
            await one.nothing_more()


async def test_refreshes_during_a_snapshot_are_folded_into_one_more(backend: WebSocketBroadcastBackend) -> None:
    turnstile = Turnstile()
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            await one.event()
            assert (await one.ask({"refresh": ["room:7"]}))["refreshed"] == ["room:7"]
            await called(server, rooms, 2)
            for _ in range(5):
                assert (await one.ask({"refresh": ["room:7"]}))["refreshed"] == ["room:7"]
            await publish(backend, "held")
            await one.nothing_more()
            await turnstile.admit(server)
            assert shown(await one.take(2)) == [("snapshot", 0), ("held", 1)]
            await called(server, rooms, 3)
            await publish(backend, "held too")
            await turnstile.admit(server)
            assert shown(await one.take(2)) == [("snapshot", 1), ("held too", 2)]
            await one.nothing_more()
    assert turnstile.count == 3


async def test_a_refresh_that_fails_keeps_the_subscription_and_its_events(backend: WebSocketBroadcastBackend) -> None:
    turnstile, failing = Turnstile(), []

    def fail(connection: Any, name: str) -> dict[str, Any]:
        if failing:
            raise RuntimeError("no snapshot")
        return {}

    rooms = Watched(backend, snapshot=[turnstile, fail])
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            await one.event()
            failing.append(1)
            await one.send({"refresh": ["room:7"], "id": 50})
            await called(server, rooms, 2)
            await publish(backend, "held")
            await turnstile.admit(server)
            reply, error, held = await one.take(3)
            assert reply == {"id": 50, "refreshed": ["room:7"]}
            assert (error["id"], error["error"]["code"], error["error"]["channel"]) == (50, "internal", "room:7")
            assert shown([held]) == [("held", 1)]
            await one.nothing_more()


# -- leaving meanwhile


async def test_unsubscribing_behind_the_first_one_waits_for_it(backend: WebSocketBroadcastBackend) -> None:
    turnstile = Turnstile(free=0)
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7"], "id": 1})
            await one.send({"unsubscribe": ["room:7"], "id": 2})
            await called(server, rooms, 1)
            await publish(backend, "held")
            await turnstile.admit(server)
            reply, snapshot, held, last = await one.take(4)
            assert "subscribed" in reply
            assert shown([snapshot, held]) == [("snapshot", 0), ("held", 1)]
            assert last == {"id": 2, "unsubscribed": ["room:7"]}
            await publish(backend, "unseen")
            await one.nothing_more()
    assert rooms.calls == ["authorize 7", "joined 7", "snapshot 7", "left 7"]


async def test_unsubscribing_cancels_a_refresh(backend: WebSocketBroadcastBackend) -> None:
    turnstile = Turnstile()
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            await one.event()
            await one.send({"refresh": ["room:7"]})
            await called(server, rooms, 2)
            await publish(backend, "held")
            assert (await one.ask({"unsubscribe": ["room:7"]}))["unsubscribed"] == ["room:7"]
            await server.acall(lambda: rooms.until("snapshot 7 cancelled"))
            await turnstile.admit(server)
            await one.nothing_more()
            assert backend.get_subscriber_count("room:7") == 0
            assert (await one.subscribe("room:7"))["room:7"]["offset"] == 1
            assert shown([await one.event()]) == [("snapshot", 1)]


async def test_a_channel_ends_after_its_last_event(backend: WebSocketBroadcastBackend) -> None:
    rooms = Watched(backend, snapshot={})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7", "orders")
            await publish(backend, "last")
            await backend.end("room:7")
            await publish(backend, "too late")
            assert shown(await one.take(2)) == [("snapshot", 0), ("last", 1)]
            assert await one.receive() == {"unsubscribed": ["room:7"]}
            await one.nothing_more()
            assert backend.get_all_channels() == ["orders"]
            await server.acall(lambda: rooms.until("left 7"))
    assert rooms.calls.count("left 7") == 1


@pytest.mark.parametrize("refresh", [False, True])
async def test_a_channel_that_ends_during_a_snapshot_ends_behind_it(
    backend: WebSocketBroadcastBackend, refresh: bool
) -> None:
    turnstile = Turnstile(free=int(refresh))
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7"], "id": 1})
            if refresh:
                await one.take(2)
                await one.send({"refresh": ["room:7"], "id": 1})
            await called(server, rooms, 1 + refresh)
            await publish(backend, "last")
            await backend.end("room:7")
            await turnstile.admit(server)
            assert (await one.receive())["id"] == 1
            assert shown(await one.take(2)) == [("snapshot", 0), ("last", 1)]
            assert await one.receive() == {"unsubscribed": ["room:7"]}
            await server.acall(lambda: rooms.until("left 7"))
            await publish(backend, "too late")
            await one.nothing_more()
            assert backend.get_subscriber_count("room:7") == 0
    assert rooms.calls.count("left 7") == 1
