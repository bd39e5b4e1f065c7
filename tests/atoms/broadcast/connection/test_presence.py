"""Who is on a channel, and who has come and gone."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from pattern_stack import Forbidden, WebSocketBroadcastBackend
from tests.support.client import Client, Message, client
from tests.support.raw import Raw
from tests.support.server import serving_backend
from tests.support.watched import Watched


class Odd:
    def __str__(self) -> str:
        return "an odd one"


def by_name(name: str = "ann") -> str:
    return name


async def present(one: Client, channel: str = "room:7") -> dict[str, Any]:
    found: dict[str, Any] = (await one.ask({"presence": [channel]}))["presence"][channel]
    return found


def users(members: dict[str, Any]) -> list[Any]:
    assert members["count"] == len(members["members"])
    return [member["user"] for member in members["members"]]


def told(event: Message) -> tuple[str, Any, int]:
    payload = event["payload"]
    assert set(payload) == {"connection_id", "user", "count"}
    return event["event"], payload["user"], payload["count"]


@pytest.fixture
def backend() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend()
    Watched(backend, presence=True)
    return backend


async def test_the_others_hear_who_comes_and_goes(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann, client(f"{server.url}?name=bob") as bob:
            await ann.subscribe("room:7")
            await ann.nothing_more()
            place = (await bob.subscribe("room:7"))["room:7"]
            await bob.nothing_more()
            joined = await ann.event()
            assert told(joined) == ("presence-joined", "bob", 2)
            assert joined["offset"] == place["offset"]
            members = await present(ann)
            assert users(members) == ["ann", "bob"]
            assert members["members"][1]["connection_id"] == joined["payload"]["connection_id"]
            await bob.subscribe("room:7")  # again
            await bob.ask({"unsubscribe": ["room:7"]})
            left = await ann.event()
            assert told(left) == ("presence-left", "bob", 1)
            assert left["payload"]["connection_id"] == joined["payload"]["connection_id"]
            assert users(await present(ann)) == users(await present(bob)) == ["ann"]
            await ann.nothing_more()
            await bob.nothing_more()
            assert await present(bob, "room:8") == {"count": 0, "members": []}


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_who_is_gone_has_left(backend: WebSocketBroadcastBackend, how: str) -> None:
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as ann:
            await ann.subscribe("room:7")
            raw = await asyncio.to_thread(Raw, server.port, path="/ws/broadcast?name=bob")
            raw.text({"subscribe": ["room:7"]})
            assert told(await ann.event()) == ("presence-joined", "bob", 2)
            if how == "close":
                raw.socket.sendall(raw.frame(8, b"\x03\xe8"))
            else:
                raw.reset()
            assert told(await ann.event()) == ("presence-left", "bob", 1)
            assert users(await present(ann)) == ["ann"]
            raw.socket.close()


@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_who_is_refused_is_not_there(hook: str) -> None:
    def refuse_bob(connection: Any, name: str) -> None:
        if connection.user == "bob":
            raise Forbidden("not bob")

    backend = WebSocketBroadcastBackend()
    Watched(backend, presence=True, **{hook: refuse_bob})
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as ann, client(f"{server.url}?name=bob") as bob:
            await ann.subscribe("room:7")
            assert (await bob.ask({"subscribe": ["room:7"]}))["error"]["code"] == "forbidden"
            if hook == "snapshot":  # the last of the hooks: he was in
                assert told(await ann.event()) == ("presence-joined", "bob", 2)
                assert told(await ann.event()) == ("presence-left", "bob", 1)
            assert users(await present(ann)) == ["ann"]
            await ann.nothing_more()


async def test_a_left_that_fails_leaves_nobody_behind() -> None:
    backend = WebSocketBroadcastBackend()
    Watched(backend, presence=True, left=RuntimeError("left failed"))
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as ann, client(f"{server.url}?name=bob") as bob:
            await ann.subscribe("room:7")
            await bob.subscribe("room:7")
            await bob.ask({"unsubscribe": ["room:7"]})
            assert users(await present(ann)) == ["ann"]
            assert [told(event)[0] for event in await ann.take(2)] == ["presence-joined", "presence-left"]


async def test_who_comes_back_while_its_left_still_runs_is_there() -> None:
    backend, gate = WebSocketBroadcastBackend(), asyncio.Event()
    rooms = Watched(backend, presence=True, left=gate)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as ann, client(f"{server.url}?name=bob") as bob:
            await ann.subscribe("room:7")
            await backend.end("room:7")
            assert await ann.receive() == {"unsubscribed": ["room:7"]}
            await server.acall(lambda: rooms.until("left 7"))
            await ann.send({"subscribe": ["room:7"], "id": 50})
            await asyncio.to_thread(backend.get_total_connections)  # her frame has been read
            await server.acall(gate.set)
            assert "subscribed" in await ann.until(lambda message: message.get("id") == 50)
            await bob.subscribe("room:7")
            assert users(await present(bob)) == ["ann", "bob"]


# -- asking


async def test_a_channel_that_keeps_none_is_not_found(backend: WebSocketBroadcastBackend) -> None:
    Watched(backend, "plain:{name}")
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("orders", "plain:7")
            await one.send({"presence": ["orders", "plain:7", "room:7"], "id": 50})
            for channel in ("orders", "plain:7"):
                message = await one.receive()
                assert (message["id"], message["error"]["code"], message["error"]["channel"]) == (
                    50,
                    "not_found",
                    channel,
                )
            assert await one.receive() == {"id": 50, "presence": {"room:7": {"count": 0, "members": []}}}
            await one.nothing_more()


async def test_only_who_may_join_may_ask() -> None:
    backend, closed = WebSocketBroadcastBackend(), []

    def refuse(connection: Any, name: str) -> None:
        if closed:
            raise Forbidden("closed")

    rooms = Watched(backend, presence=True, authorize=refuse)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as holder, client(server.url) as stranger:
            await holder.subscribe("room:7")
            closed.append(True)
            error = (await stranger.ask({"presence": ["room:7"]}))["error"]
            assert error == {"code": "forbidden", "message": "closed", "channel": "room:7"}
            assert users(await present(holder)) == ["ann"]
            closed.clear()
            assert users(await present(stranger)) == ["ann"]
            assert backend.get_subscriber_count("room:7") == 1
    assert rooms.calls.count("joined 7") == rooms.calls.count("left 7") == 1


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ({"name": "ann", "roles": ["admin"]}, {"name": "ann", "roles": ["admin"]}),
        (7, 7),
        (None, None),
        (Odd(), "an odd one"),
        (UUID(int=7), str(UUID(int=7))),
        (2**70, str(2**70)),
        ({1: Odd}, str({1: Odd})),
    ],
    ids=["dict", "int", "none", "object", "uuid", "big", "keys"],
)
async def test_a_user_that_is_not_json_is_shown_as_text(
    backend: WebSocketBroadcastBackend, user: Any, shown: Any
) -> None:
    with serving_backend(backend, authenticate=lambda: user) as server:
        async with client(server.url) as one, client(server.url) as other:
            await one.subscribe("room:7")
            await other.subscribe("room:7")
            assert told(await one.event()) == ("presence-joined", shown, 2)
            assert users(await present(one)) == [shown, shown]
