"""Channels that are refused alone, by a hook: an error that names each, while the others are subscribed."""

import pytest

from pattern_stack import (
    BroadcastUnavailable,
    Channel,
    Forbidden,
    NotFound,
    Unauthenticated,
    WebSocketBroadcastBackend,
)
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from tests.support.client import Client

backend = WebSocketBroadcastBackend()
ERRORS: dict[str, Exception] = {
    "forbidden": Forbidden("not yours"),
    "not_found": NotFound("not yours"),
    "unauthenticated": Unauthenticated("not yours"),
    "unavailable": BroadcastUnavailable("not yours"),
    "internal": LookupError("secret"),
}
by_code = pytest.mark.parametrize("code", ERRORS)


@backend.channel("authorize:{code}", presence=True)
class Closed(Channel):
    async def authorize(self, connection: ClientConnection, code: str) -> None:
        raise ERRORS[code]


@backend.channel("joined:{code}")
class Unenterable(Channel):
    async def joined(self, connection: ClientConnection, code: str) -> None:
        raise ERRORS[code]


@backend.channel("snapshot:{code}")
class Stateless(Channel):
    async def snapshot(self, connection: ClientConnection, code: str) -> None:
        raise ERRORS[code]


@by_code
@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_the_others_are_subscribed(one: Client, hook: str, code: str) -> None:
    channel = f"{hook}:{code}"
    await one.send({"subscribe": ["first", channel, "last"], "id": "mine"})
    error, reply = await one.take(2)
    text = error["error"].pop("message")
    assert error == {"id": "mine", "error": {"code": code, "channel": channel}}
    assert text == "not yours" if code != "internal" else "secret" not in text
    assert reply["id"] == "mine"
    assert list(reply["subscribed"]) == ["first", "last"]
    await backend.broadcast(channel, "created", {})
    await backend.broadcast("last", "created", {})
    assert (await one.event())["channel"] == "last"
    await one.nothing_more()
    assert backend.get_subscriber_count(channel) == 0


@by_code
async def test_without_an_id_there_is_the_error_alone(one: Client, code: str) -> None:
    await one.send({"subscribe": [f"authorize:{code}", "other"]})
    answer = await one.receive()
    assert "id" not in answer
    assert answer["error"]["channel"] == f"authorize:{code}"
    await one.nothing_more()
    assert backend.get_subscriber_count("other") == 1


async def test_all_refused(one: Client) -> None:
    channels = [f"authorize:{code}" for code in ERRORS]
    await one.send({"subscribe": channels, "id": 1})
    *errors, reply = await one.take(len(ERRORS) + 1)
    assert [(error["id"], error["error"]["channel"]) for error in errors] == [(1, channel) for channel in channels]
    assert reply == {"id": 1, "subscribed": {}}
    await one.nothing_more()


@by_code
async def test_who_is_there_is_refused_too(one: Client, code: str) -> None:
    await one.send({"presence": [f"authorize:{code}"], "id": 1})
    error, reply = await one.take(2)
    assert (error["id"], error["error"]["code"], error["error"]["channel"]) == (1, code, f"authorize:{code}")
    assert reply == {"id": 1, "presence": {}}
    await one.nothing_more()


@by_code
async def test_a_refused_channel_is_no_bad_frame(one: Client, code: str) -> None:
    for _ in range(25):
        assert (await one.ask({"subscribe": [f"authorize:{code}"]}))["error"]["code"] == code
        assert (await one.receive())["subscribed"] == {}
    await one.nothing_more()


async def test_a_wrong_name_costs_the_other_channels_nothing(one: Client) -> None:
    await one.send({"subscribe": ["authorize:forbidden", "other", "*"], "id": 1})
    wrong, forbidden, reply = await one.take(3)
    assert (wrong["error"]["code"], wrong["error"]["channel"]) == ("invalid_channel", "*")
    assert forbidden["error"]["code"] == "forbidden"
    assert list(reply["subscribed"]) == ["other"]
    await one.nothing_more()
    assert backend.get_subscriber_count("other") == 1
