"""Snapshots and the events around them: none missing, none twice, whatever comes in between."""

from typing import Any

import pytest

from pattern_stack import History, Limits, Position, WebSocketBroadcastBackend
from tests.support.client import Client, client
from tests.support.server import serving_backend
from tests.support.watched import Turnstile, Watched, called, publish, shown


@pytest.fixture
def backend() -> WebSocketBroadcastBackend:
    return WebSocketBroadcastBackend(history=History(events=4))


async def test_events_meanwhile_are_held_and_follow_it(backend: WebSocketBroadcastBackend) -> None:
    turnstile = Turnstile(free=0)
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one, client(server.url) as other:
            await publish(backend, "before")
            await one.send({"subscribe": ["room:7"], "id": 1})
            await called(server, rooms, 1)
            names = [f"held {n}" for n in range(6)]  # more than the history keeps
            await publish(backend, *names)
            await other.nothing_more()
            await turnstile.admit(server)
            reply = await one.receive()
            assert reply["subscribed"]["room:7"]["offset"] == 1
            await publish(backend, "after")
            events = shown(await one.take(8))
            assert events == [("snapshot", 1), *zip([*names, "after"], range(2, 9), strict=True)]
            await one.nothing_more()


async def test_a_repeated_subscribe_gives_no_second_one(backend: WebSocketBroadcastBackend) -> None:
    rooms = Watched(backend, snapshot={})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            first = await one.subscribe("room:7")
            await publish(backend, "live")
            assert shown(await one.take(2)) == [("snapshot", 0), ("live", 1)]
            again = await one.subscribe("room:7", since={"room:7": first["room:7"]})
            assert again == {"room:7": {**first["room:7"], "offset": 1}}
            await one.nothing_more()
    assert rooms.calls.count("snapshot 7") == 1


async def test_who_recovers_gets_the_replay_instead(backend: WebSocketBroadcastBackend) -> None:
    rooms = Watched(backend, snapshot={})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            since = (await one.subscribe("room:7"))["room:7"]
        await publish(backend, "missed", "missed too")
        async with client(server.url) as one:
            reply = await one.subscribe("room:7", since={"room:7": since})
            assert reply["room:7"] == {**since, "recovered": True}
            assert shown(await one.take(2)) == [("missed", 1), ("missed too", 2)]
            await one.nothing_more()
    assert rooms.calls.count("snapshot 7") == 1


@pytest.mark.parametrize("foreign", [True, False])
async def test_who_cannot_recover_gets_a_reset_and_a_snapshot(
    backend: WebSocketBroadcastBackend, foreign: bool
) -> None:
    turnstile = Turnstile()
    rooms = Watched(backend, snapshot=turnstile)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            since = (await one.subscribe("room:7"))["room:7"]
        await publish(backend, *"12345")
        async with client(server.url) as one:
            since = {"epoch": "foreign", "offset": 3} if foreign else since
            await one.send({"subscribe": ["room:7"], "since": {"room:7": since}, "id": 1})
            await called(server, rooms, 2)
            await publish(backend, "live")
            await turnstile.admit(server)
            reply, reset, snapshot, live = await one.take(4)
            place = reply["subscribed"]["room:7"]
            assert (place.pop("recovered"), place["offset"]) == (False, 5)
            assert reset == {"reset": {"room:7": place}}
            assert shown([snapshot, live]) == [("snapshot", 5), ("live", 6)]
            await one.nothing_more()


# -- what a snapshot may be


async def joining(one: Client, rest: int) -> tuple[Any, list[tuple[str, int]]]:
    """The position told, and the events that follow."""
    place = (await one.subscribe("room:7"))["room:7"]["offset"]
    events = shown(await one.take(rest))
    await one.nothing_more()
    return place, events


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (1, [("snapshot", 1), ("2", 2), ("3", 3), ("held", 4), ("held too", 5)]),  # read from a store that lags
        (3, [("snapshot", 3), ("held", 4), ("held too", 5)]),
        (4, [("snapshot", 4), ("held too", 5)]),  # read from a store that is ahead
        (5, [("snapshot", 5)]),
    ],
)
async def test_a_snapshot_may_tell_its_own_position(
    backend: WebSocketBroadcastBackend, told: int, expected: list[tuple[str, int]]
) -> None:
    async def read(connection: Any, name: str) -> tuple[dict[str, Any], Position]:
        await publish(backend, "held", "held too")
        return {}, Position((await backend.position("room:7")).epoch, told)

    Watched(backend, snapshot=read)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await publish(backend, "1", "2", "3")
            assert await joining(one, len(expected)) == (told, expected)


@pytest.mark.parametrize("place", [Position("foreign", 1), 0, 99], ids=["foreign", "gone", "not yet"])
async def test_a_snapshot_that_fits_no_history_is_unavailable(backend: WebSocketBroadcastBackend, place: Any) -> None:
    async def read(connection: Any, name: str) -> tuple[dict[str, Any], Position]:
        return {}, place if isinstance(place, Position) else (await backend.position("room:7"))._replace(offset=place)

    Watched(backend, snapshot=read)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await publish(backend, *"12345")
            error = (await one.ask({"subscribe": ["room:7"]}))["error"]
            assert (error["code"], error["channel"]) == ("unavailable", "room:7")
            assert backend.get_subscriber_count("room:7") == 0


async def test_none_is_no_event(backend: WebSocketBroadcastBackend) -> None:
    Watched(backend, snapshot=None)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert await joining(one, 0) == (0, [])


async def test_a_snapshot_may_be_bigger_than_an_event() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(event_bytes=1000, outbox_bytes=1000))
    Watched(backend, snapshot={"text": "x" * 3_000_000})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            assert len((await one.event())["payload"]["text"]) == 3_000_000
            await one.nothing_more()
