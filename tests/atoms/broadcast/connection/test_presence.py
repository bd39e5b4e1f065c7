"""Who is on a channel, and who has come and gone."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from pattern_stack import Forbidden, Identity, WebSocketBroadcastBackend
from tests.support.client import Client, Message, client
from tests.support.raw import Raw
from tests.support.server import serving_backend
from tests.support.watched import Watched

SECRET = "hash-of-a-password"


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
            assert "offset" not in joined
            assert place["offset"] == 0
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


async def test_nothing_is_remembered_of_connections_that_are_closed(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(server.url) as ann:
            await ann.subscribe("room:7")
            for _ in range(5):
                async with client(f"{server.url}?name=bob") as bob:
                    await bob.subscribe("room:7")
                    await bob.ask({"unsubscribe": ["room:7"]})
                    await bob.subscribe("room:7")
                assert [told(await ann.event())[0] for _ in range(2)] == ["presence-joined", "presence-left"]
                assert len(backend._instance.presence_news) == 1


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


@dataclass
class Row:
    """As an application loads a user from its database."""

    name: str
    password_hash: str = SECRET

    def __str__(self) -> str:
        return f"{self.name} {self.password_hash}"


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("ann", "ann"),
        (7, 7),
        (None, None),
        (UUID(int=7), str(UUID(int=7))),
        (Identity(Row("ann"), key="user-1"), "user-1"),
        (Identity({"name": "ann", "password_hash": SECRET}, key=1), 1),
    ],
    ids=["string", "int", "none", "uuid", "row with a key", "dict with a key"],
)
async def test_others_see_the_key_of_a_user(backend: WebSocketBroadcastBackend, user: Any, shown: Any) -> None:
    with serving_backend(backend, authenticate=lambda: user) as server:
        async with client(server.url) as one, client(server.url) as other:
            await one.subscribe("room:7")
            await other.subscribe("room:7")
            assert told(await one.event()) == ("presence-joined", shown, 2)
            assert users(await present(one)) == [shown, shown]


@pytest.mark.parametrize(
    "user", [Row("ann"), {"password_hash": SECRET}, Odd(), 2**70, True, 1.5], ids=lambda user: type(user).__name__
)
async def test_a_user_without_a_key_is_refused_and_the_log_names_the_cure(
    backend: WebSocketBroadcastBackend, user: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with serving_backend(backend, authenticate=lambda: user) as server:
        async with client(server.url) as one:
            for _ in range(2):
                await one.send({"subscribe": ["room:7", "orders"], "id": 1})
                refusal, reply = await one.take(2)
                assert (refusal["error"]["code"], refusal["error"]["channel"]) == ("forbidden", "room:7")
                assert list(reply["subscribed"]) == ["orders"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "Identity(user, key=...)" in line
    assert SECRET not in line


async def test_a_channel_may_show_more_of_a_user(backend: WebSocketBroadcastBackend) -> None:
    Watched(backend, "team:{name}", presence=lambda user: {"name": user.name})
    with serving_backend(backend, authenticate=lambda: Row("ann")) as server:
        async with client(server.url) as one:
            await one.subscribe("team:7")
            assert (await one.ask({"presence": ["team:7"]}))["presence"]["team:7"]["members"][0]["user"] == {
                "name": "ann"
            }
