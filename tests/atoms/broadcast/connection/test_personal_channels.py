"""Each user's own channel, and who gets on a channel that nobody declared."""

from typing import Any

import pytest
from fastapi import Header

from pattern_stack import Channel, InvalidChannel, WebSocketBroadcastBackend, broadcast_from_url
from tests.support.client import client
from tests.support.server import serving_backend
from tests.support.stream import refused, stream

EVERYONE = ["news", "user:{user}"]


def by_name(name: str | None = None, x_user: str | None = Header(None)) -> str | None:
    return name or x_user


async def test_a_connection_with_a_user_is_on_the_users_channel() -> None:
    backend = WebSocketBroadcastBackend(everyone=EVERYONE)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann, client(f"{server.url}?name=ben") as ben:
            async with client(server.url) as nobody:
                for one in (ann, ben, nobody):
                    await one.nothing_more()
                await backend.broadcast("user:ann", "message", {"text": "hello"})
                assert (await ann.event())["payload"] == {"text": "hello"}
                for one in (ann, ben, nobody):
                    await one.nothing_more()
            assert list(await ann.subscribe("user:ann")) == ["user:ann"]


@pytest.mark.parametrize("user", ["?name=ben", ""])
async def test_nobody_else_gets_in_by_any_frame(user: str) -> None:
    backend = WebSocketBroadcastBackend(everyone=EVERYONE)

    @backend.channel("user:{user}", presence=True)
    class Own(Channel):
        async def snapshot(self, connection: Any, user: str) -> dict[str, str]:
            return {"secret": user}

    since = {"user:ann": {"epoch": "x", "offset": 0}}
    frames: list[dict[str, Any]] = [
        {"subscribe": ["user:ann"]},
        {"subscribe": ["user:ann"], "since": since},
        {"subscribe": ["user:ann"], "since": {"user:ann": {"last": 5}}},
        {"refresh": ["user:ann"]},
        {"presence": ["user:ann"]},
        {"state": {"user:ann": {"typing": True}}},
    ]
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann, client(server.url + user) as other:
            assert (await ann.until(lambda message: message.get("channel") == "user:ann"))["payload"] == {
                "secret": "ann"
            }
            await other.nothing_more() if not user else await other.receive()
            for frame in frames:
                refused = await other.ask(frame)
                assert (refused["error"]["code"], refused["error"]["channel"]) == ("forbidden", "user:ann"), frame
                rest = await other.receive()
                assert rest.get("subscribed", {}) == rest.get("presence", {}) == {}
                assert rest.get("refreshed", []) == rest.get("state", []) == []
            assert (await other.ask({"send": "user:ann", "event": "read"}))["error"]["code"] == "forbidden"
            await backend.broadcast("user:ann", "message", {})
            await other.nothing_more()


async def test_nobody_else_gets_in_over_http() -> None:
    backend = WebSocketBroadcastBackend(everyone=EVERYONE)
    with serving_backend(backend, authenticate=by_name) as server:
        for query in ([("name", "ben")], [], [("name", "ben"), ("last", "5")]):
            assert await refused(server.http, ["user:ann"], query) == (403, "forbidden")
        async with stream(server.http, headers={"X-User": "ann"}) as ann:
            assert list((await ann.receive())["subscribed"]) == ["news", "user:ann"]
            await backend.broadcast("user:ann", "message", {"text": "hello"})
            assert (await ann.receive())["payload"] == {"text": "hello"}


async def test_a_longer_name_is_another_channel() -> None:
    backend = WebSocketBroadcastBackend(everyone=EVERYONE)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ben") as ben:
            assert list(await ben.subscribe("user:ann:x")) == ["user:ann:x"]


def test_a_template_that_names_something_else_is_refused() -> None:
    with pytest.raises(InvalidChannel, match="template"):
        WebSocketBroadcastBackend(everyone=["user:{name}"])


async def test_undeclared_channels_can_be_refused() -> None:
    backend = WebSocketBroadcastBackend(everyone=EVERYONE, undeclared="refuse")
    backend.channel("room:{room_id}")(Channel)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann:
            for channel in ("orders", "room:", "room:7:8", "user:ann:x"):
                refused = await ann.ask({"subscribe": [channel]})
                assert (refused["error"]["code"], refused["error"]["channel"]) == ("forbidden", channel)
                assert (await ann.receive())["subscribed"] == {}
            assert list(await ann.subscribe("room:7", "news", "user:ann")) == ["room:7", "news", "user:ann"]


def test_undeclared_is_one_of_two_words() -> None:
    with pytest.raises(ValueError, match='"open" or "refuse"'):
        WebSocketBroadcastBackend(undeclared="closed")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"open" or "refuse"'):
        broadcast_from_url("memory://", undeclared="closed")  # type: ignore[arg-type]
