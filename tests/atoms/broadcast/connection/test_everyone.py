"""Channels that each connection is on without asking."""

import asyncio
from typing import Any

import pytest

from pattern_stack import Forbidden, History, Limits, WebSocketBroadcastBackend
from tests.support.client import Message, client
from tests.support.server import serving_backend
from tests.support.watched import Watched

NEWS = "notifications"


@pytest.fixture
def backend() -> WebSocketBroadcastBackend:
    return WebSocketBroadcastBackend(everyone=(NEWS,), limits=Limits(channels=2), history=History(events=4))


def offsets(messages: list[Message]) -> list[int]:
    return [message["offset"] for message in messages]


async def publish(backend: WebSocketBroadcastBackend, count: int) -> None:
    for _ in range(count):
        await backend.broadcast(NEWS, "published", {})


@pytest.mark.parametrize("hooks", [False, True])
async def test_it_is_in_force_before_the_first_answer(backend: WebSocketBroadcastBackend, hooks: bool) -> None:
    if hooks:
        Watched(backend, NEWS, authorize=lambda connection: asyncio.sleep(0))
    frames: list[dict[str, Any]] = [{"ping": 1}, {"subscribe": []}, {"unsubscribe": ["x"]}, {"nonsense": 1}]
    with serving_backend(backend) as server:
        for frame in frames:
            async with client(server.url) as one:
                await one.ask(frame)
                await publish(backend, 1)
                assert (await one.event())["channel"] == NEWS
                await one.nothing_more()


async def test_subscribing_is_harmless_and_tells_the_position(backend: WebSocketBroadcastBackend) -> None:
    rooms = Watched(backend, NEWS)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.ask({"ping": 1})
            await publish(backend, 2)
            for _ in range(2):
                assert (await one.subscribe(NEWS))[NEWS].keys() == {"epoch", "offset"}
            assert (await one.subscribe(NEWS))[NEWS]["offset"] == 2
            await publish(backend, 1)
            assert offsets(await one.take(3)) == [1, 2, 3]
            await one.nothing_more()
            assert backend.get_subscriber_count(NEWS) == 1
    assert rooms.calls.count("joined") == rooms.calls.count("left") == 1


async def test_unsubscribing_works(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert (await one.ask({"unsubscribe": [NEWS]}))["unsubscribed"] == [NEWS]
            assert backend.get_subscriber_count(NEWS) == 0
            await publish(backend, 1)
            assert (await one.subscribe(NEWS))[NEWS]["offset"] == 1
            await publish(backend, 1)
            assert offsets(await one.take(1)) == [2]
            await one.nothing_more()


async def test_it_does_not_count_among_the_clients_own(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("a", "b")
            refused = await one.ask({"subscribe": ["c"]})
            assert refused["error"]["code"] == "too_many_channels"
            assert backend.get_subscriber_count(NEWS) == 1


async def test_who_is_refused_is_left_out_quietly(backend: WebSocketBroadcastBackend) -> None:
    Watched(backend, NEWS, authorize=Forbidden("not you"))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.nothing_more()
            assert backend.get_subscriber_count(NEWS) == 0
            assert (await one.ask({"subscribe": [NEWS]}))["error"]["code"] == "forbidden"


# -- coming back


async def test_the_first_subscribe_that_names_it_recovers(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            since = (await one.subscribe(NEWS))[NEWS]
        await publish(backend, 2)
        async with client(server.url) as one:
            await one.ask({"ping": 1})
            await publish(backend, 1)  # it comes as an event, and again in the replay
            assert (await one.event())["offset"] == 3
            reply = await one.subscribe(NEWS, since={NEWS: since})
            assert reply[NEWS] == {**since, "recovered": True}
            assert offsets(await one.take(3)) == [1, 2, 3]
            again = await one.subscribe(NEWS, since={NEWS: since})
            assert again[NEWS] == {**since, "offset": 3}
            await publish(backend, 1)
            assert offsets(await one.take(1)) == [4]
            await one.nothing_more()


async def test_a_first_subscribe_that_cannot_recover_resets(backend: WebSocketBroadcastBackend) -> None:
    Watched(backend, NEWS, snapshot={})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.ask({"ping": 1})
            assert (await one.event())["event"] == "snapshot"
            await one.send({"subscribe": [NEWS], "since": {NEWS: {"epoch": "foreign", "offset": 3}}, "id": 50})
            reply, reset, snapshot = await one.take(3)
            place = reply["subscribed"][NEWS]
            assert (place.pop("recovered"), place["offset"]) == (False, 0)
            assert reset == {"reset": {NEWS: place}}
            assert (snapshot["event"], snapshot["offset"]) == ("snapshot", 0)
            await one.nothing_more()


async def test_a_first_subscribe_during_a_refresh_recovers_too(backend: WebSocketBroadcastBackend) -> None:
    gate, waiting = asyncio.Event(), []

    async def snapshot(connection: Any) -> dict[str, Any]:
        if waiting:
            await gate.wait()
        waiting.append(True)
        return {}

    rooms = Watched(backend, NEWS, snapshot=snapshot)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"refresh": [NEWS]})
            await server.acall(lambda: rooms.until("snapshot", 2))
            since = {"epoch": (await backend.position(NEWS)).epoch, "offset": 0}
            await one.send({"subscribe": [NEWS], "since": {NEWS: since}, "id": 50})
            await asyncio.to_thread(backend.get_total_connections)  # the frame has been read
            await server.acall(gate.set)
            reply = await one.until(lambda message: message.get("id") == 50)
            assert reply["subscribed"][NEWS].get("recovered") is True
