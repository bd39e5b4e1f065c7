"""Patterns, and the life of one connection on one channel: authorize, joined, snapshot, left."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pattern_stack import (
    BroadcastUnavailable,
    Channel,
    Forbidden,
    NotFound,
    Unauthenticated,
    WebSocketBroadcastBackend,
)
from tests.support.client import Client, client
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until
from tests.support.watched import Watched

Leave = Callable[[Client, WebSocketBroadcastBackend], Awaitable[Any]]


async def counts(server: Server, backend: WebSocketBroadcastBackend, channel: str = "room:7") -> tuple[int, int]:
    """Subscribers of the channel and connections, as they are now: without waiting for hooks."""
    return await server.acall(lambda: (backend.get_subscriber_count(channel), backend.get_total_connections()))


async def nobody_is_left(server: Server, backend: WebSocketBroadcastBackend) -> None:
    """The connection ends some turns of the loop after its hook."""
    await until(server, lambda: not backend.get_total_connections() and not backend.get_subscriber_count("room:7"))


async def test_hooks_run_in_order_around_the_position(backend: WebSocketBroadcastBackend) -> None:
    async def publish(connection: Any, name: str) -> None:
        await backend.broadcast(f"room:{name}", "published", {})

    rooms = Watched(backend, authorize=publish, joined=publish, snapshot=[publish, {"n": 2}])
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert (await one.subscribe("room:7"))["room:7"]["offset"] == 2
            snapshot, live = await one.take(2)
            assert (snapshot["event"], snapshot["offset"], snapshot["payload"]) == ("snapshot", 2, {"n": 2})
            assert (live["event"], live["offset"]) == ("published", 3)
            await one.ask({"unsubscribe": ["room:7"]})
            assert rooms.calls == ["authorize 7", "joined 7", "snapshot 7", "left 7"]
            await one.ask({"unsubscribe": ["room:7"]})
            await one.nothing_more()
    assert rooms.calls.count("left 7") == 1


async def test_parameters_come_by_name(backend: WebSocketBroadcastBackend) -> None:
    seen = []

    @backend.channel("org:{org}:room:{room}")
    class Room(Channel):
        async def authorize(self, connection: Any, room: str, org: str) -> None:
            seen.append((org, room, len(connection.id)))

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("org:acme:room:7")
    assert seen == [("acme", "7", 32)]


@pytest.mark.parametrize(("pattern", "undeclared"), [("room:{name:path}", "open"), ("room:{name}", "refuse")])
async def test_no_odd_name_slips_past_authorize(pattern: str, undeclared: Any) -> None:
    backend = WebSocketBroadcastBackend(undeclared=undeclared)
    Watched(backend, pattern, authorize=Forbidden("no"))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            for name in ("room:", "room::", "room:a:b", "room:room:", "room:a/b", "room:@", "room:..", "room:-"):
                error = (await one.ask({"subscribe": [name]}))["error"]
                assert (error["code"], error["channel"]) == ("forbidden", name)
            assert backend.get_all_channels() == []


async def test_the_first_pattern_that_matches_holds(backend: WebSocketBroadcastBackend) -> None:
    lobby = Watched(backend, "room:lobby")
    rooms = Watched(backend, "room:{name}")
    last = Watched(backend, "{anything}.x")
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:lobby", "room:lobby2", "room:a.x", "b.x", "bxx", "ROOM:7")
    authorized = [[call for call in each.calls if call.startswith("authorize")] for each in (lobby, rooms, last)]
    assert authorized == [["authorize"], ["authorize lobby2", "authorize a.x"], ["authorize b"]]


# -- left


@pytest.mark.lanes("slow", "fast")
@pytest.mark.parametrize(
    "leave",
    [
        lambda one, backend: one.send({"unsubscribe": ["room:7"]}),
        lambda one, backend: one.socket.close(),
        lambda one, backend: asyncio.sleep(0, one.cut()),
        lambda one, backend: backend.disconnect("ann"),
        lambda one, backend: backend.end("room:7"),
        lambda one, backend: one.send("x" * 70_000),
    ],
    ids=["unsubscribe", "close", "cut", "disconnect", "end", "too big"],
)
async def test_left_runs_once_however_it_leaves(backend: WebSocketBroadcastBackend, leave: Leave) -> None:
    rooms = Watched(backend)
    with serving_backend(backend, authenticate=lambda: "ann") as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            await leave(one, backend)
            await server.acall(lambda: rooms.until("left 7"))
            assert (await counts(server, backend))[0] == 0
    assert rooms.calls.count("left 7") == 1


async def test_left_runs_after_a_reset(backend: WebSocketBroadcastBackend) -> None:
    rooms = Watched(backend)
    with serving_backend(backend) as server:
        raw = await asyncio.to_thread(Raw, server.port)
        raw.text({"subscribe": ["room:7"]})
        await server.acall(lambda: rooms.until("snapshot 7"))
        raw.reset()
        await server.acall(lambda: rooms.until("left 7"))
        await nobody_is_left(server, backend)
    assert rooms.calls.count("left 7") == 1


async def test_the_server_stops_after_left(backend: WebSocketBroadcastBackend) -> None:
    gate, ended = asyncio.Event(), []
    rooms = Watched(backend, left=[gate, lambda connection, name: ended.append(name)])
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
        await server.acall(lambda: rooms.until("left 7"))
        server.should_exit = True
        server.loop.call_soon_threadsafe(gate.set)
    assert ended == ["7"]


# -- refusals


REFUSALS = [
    (Forbidden("members only"), "forbidden", "members only"),
    (NotFound(), "not_found", "not found"),
    (Unauthenticated("log in"), "unauthenticated", "log in"),
    (BroadcastUnavailable("later"), "unavailable", "later"),
]


@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_a_hook_that_refuses_refuses_its_channel_alone(backend: WebSocketBroadcastBackend, hook: str) -> None:
    rooms = [Watched(backend, code, **{hook: error}) for error, code, _ in REFUSALS]
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["a", *(code for _, code, _ in REFUSALS), "b"], "id": 1})
            assert await one.take(4) == [
                {"id": 1, "error": {"code": code, "message": message, "channel": code}} for _, code, message in REFUSALS
            ]
            reply = await one.receive()
            assert reply["id"] == 1
            assert list(reply["subscribed"]) == sorted(await server.acall(backend.get_all_channels)) == ["a", "b"]
            assert list((await one.ask({"subscribe": ["a"]}))["subscribed"]) == ["a"]
            await one.send({"subscribe": ["forbidden"], "id": "all"})
            refusal, reply = await one.take(2)
            assert refusal["error"]["channel"] == "forbidden"
            assert reply == {"id": "all", "subscribed": {}}
            await backend.broadcast("forbidden", "unseen", {})
            await one.nothing_more()
    assert {room.calls.count("left") for room in rooms[1:]} == {int(hook == "snapshot")}


@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_a_hook_that_fails_is_internal_and_logged(
    backend: WebSocketBroadcastBackend, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(backend, **{hook: RuntimeError("password=secret")})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7", "orders"], "id": 1})
            refusal, reply = await one.take(2)
            assert (refusal["error"]["code"], refusal["error"]["channel"]) == ("internal", "room:7")
            assert "secret" not in refusal["error"]["message"]
            assert list(reply["subscribed"]) == ["orders"]
            await one.nothing_more()
    (record,) = caplog.records
    assert "room:7" in record.getMessage()
    assert record.exc_info
    assert str(record.exc_info[1]) == "password=secret"


async def test_a_left_that_fails_is_logged_and_harms_nobody(
    backend: WebSocketBroadcastBackend, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = Watched(backend, left=RuntimeError("left failed"))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7", "room:8")
            answer = await one.ask({"unsubscribe": ["room:7", "room:8"]})
            assert answer["unsubscribed"] == ["room:7", "room:8"]
    assert rooms.calls[-2:] == ["left 7", "left 8"]
    # one line a minute for failures of one kind
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["left failed"]


# -- hooks that take their time


@pytest.mark.lanes("slow", "fast")
@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_nothing_stays_registered_of_who_goes_while_a_hook_waits(
    backend: WebSocketBroadcastBackend, hook: str
) -> None:
    rooms = Watched(backend, **{hook: asyncio.Event()})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7", "orders"], "id": 1})
            await server.acall(lambda: rooms.until(f"{hook} 7"))
            one.cut()
            await server.acall(lambda: rooms.until(f"{hook} 7 cancelled"))
            await nobody_is_left(server, backend)
            assert await server.acall(backend.get_all_channels) == []
    assert rooms.calls.count("left 7") == (hook == "snapshot")


@pytest.mark.lanes("slow", "fast")
async def test_frames_are_answered_in_order_behind_a_slow_hook(backend: WebSocketBroadcastBackend) -> None:
    gate = asyncio.Event()
    rooms = Watched(backend, authorize=gate)
    with serving_backend(backend) as server:
        async with client(server.url) as slow, client(server.url) as quick:
            for id, frame in enumerate([{"subscribe": ["room:7"]}, {"ping": 1}, {"nonsense": 1}, {"ping": 2}]):
                await slow.send({**frame, "id": id})
            await server.acall(lambda: rooms.until("authorize 7"))
            await quick.nothing_more()  # others do not wait
            await server.acall(gate.set)
            assert [message["id"] for message in await slow.take(4)] == [0, 1, 2, 3]
            assert not slow.inbox


async def test_a_channel_held_already_tells_its_position_as_of_the_reply(backend: WebSocketBroadcastBackend) -> None:
    """The next event has the told offset + 1, also where another channel of the same frame took its time."""
    gate = asyncio.Event()
    rooms = Watched(backend, authorize=gate)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")
            await one.send({"subscribe": ["orders", "room:7"], "id": 1000})
            await server.acall(lambda: rooms.until("authorize 7"))
            await backend.broadcast("orders", "meanwhile", {})
            assert (await one.event())["offset"] == 1
            await server.acall(gate.set)
            assert (await one.receive())["subscribed"]["orders"]["offset"] == 1


async def test_a_channel_that_ended_meanwhile_is_not_told_as_subscribed(backend: WebSocketBroadcastBackend) -> None:
    gate = asyncio.Event()
    rooms = Watched(backend, authorize=gate)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")
            await one.send({"subscribe": ["orders", "room:7"], "id": 1000})
            await server.acall(lambda: rooms.until("authorize 7"))
            await backend.end("orders")
            assert await one.receive() == {"unsubscribed": ["orders"]}
            await server.acall(gate.set)
            assert list((await one.receive())["subscribed"]) == ["room:7"]


@pytest.mark.parametrize(
    ("reason", "told"), [("x" * 200, "x" * 123), ("é" * 100, "é" * 61), ("", "")], ids=["long", "accents", "none"]
)
async def test_a_hook_may_close_with_any_reason(backend: WebSocketBroadcastBackend, reason: str, told: str) -> None:
    @backend.channel("closing")
    class Closing(Channel):
        async def joined(self, connection: Any) -> None:
            with pytest.raises(ValueError, match="1005"):
                connection.close(1005)
            connection.close(4000, reason)

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["closing"]})
            assert await one.closed() == (4000, told)
