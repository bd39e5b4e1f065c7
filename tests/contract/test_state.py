"""What connections show of themselves on a channel with presence, on every store."""

from typing import Any

import pytest

from pattern_stack import Channel
from tests.contract.conftest import Make, World
from tests.support.client import Client, Message, client
from tests.support.server import serving_backend

ROOM = "room:7"


@pytest.fixture
def room(world: World) -> World:
    @world.backend.channel("room:{name}", presence=True)
    class Room(Channel): ...

    @world.backend.channel("quiet:{name}")
    class Quiet(Channel): ...

    return world


async def shown(one: Client) -> list[Any]:
    found = (await one.ask({"presence": [ROOM]}))["presence"][ROOM]["members"]
    return [member.get("state") for member in found]


async def state_event(one: Client) -> Message:
    return await one.until(lambda message: message.get("event") == "presence-state")


def code(answer: Message) -> tuple[str, str]:
    return answer["error"]["code"], answer["error"].get("channel", "")


async def test_the_others_are_told_and_find_it_in_presence(room: World) -> None:
    async with client(room.server.url) as ann, client(room.server.url) as ben:
        await ann.subscribe(ROOM)
        await ben.subscribe(ROOM)
        assert await ann.ask({"state": {ROOM: {"typing": True}}}) == {"id": 2, "state": [ROOM]}
        event = await state_event(ben)
        assert event["payload"]["state"] == {"typing": True}
        assert event["payload"]["user"] is None
        assert event.keys() == {"channel", "event", "payload", "timestamp"}
        assert await shown(ben) == await shown(ann) == [{"typing": True}, None]
        await ann.ask({"state": {ROOM: None}})
        assert (await state_event(ben))["payload"] == {**event["payload"], "state": None}
        assert await shown(ben) == [None, None]
        assert (await ann.event())["event"] == "presence-joined"
        await ann.nothing_more()


async def test_instances_show_each_other(make_instance: Make) -> None:
    backends = [make_instance(), make_instance()]
    for backend in backends:
        backend.channel("room:{name}", presence=True)(Channel)
    with serving_backend(backends[0]) as here, serving_backend(backends[1]) as there:
        async with client(here.url) as ann, client(there.url) as ben:
            await ann.subscribe(ROOM)
            await ben.subscribe(ROOM)
            await ann.ask({"state": {ROOM: {"x": 1}}})
            assert (await state_event(ben))["payload"]["state"] == {"x": 1}
            assert await shown(ben) == [{"x": 1}, None]
            await ben.ask({"state": {ROOM: {"x": 2}}})
            assert (await state_event(ann))["payload"]["state"] == {"x": 2}
            assert await shown(ann) == [{"x": 1}, {"x": 2}]


async def test_it_is_gone_when_the_connection_leaves(room: World) -> None:
    async with client(room.server.url) as ben:
        await ben.subscribe(ROOM)
        async with client(room.server.url) as ann:
            await ann.subscribe(ROOM)
            await ann.ask({"state": {ROOM: {"x": 1}}})
            await ann.ask({"unsubscribe": [ROOM]})
            assert await shown(ben) == [None]
        async with client(room.server.url) as eve:
            await eve.subscribe(ROOM)
            assert await shown(ben) == [None, None]
            await eve.ask({"state": {ROOM: {"x": 2}}})
        for _ in range(2):
            await ben.until(lambda message: message.get("event") == "presence-left")
        assert await shown(ben) == [None]


async def test_what_may_not_be_shown(room: World) -> None:
    async with client(room.server.url) as one:
        assert code(await one.ask({"state": {ROOM: {}}})) == ("not_subscribed", ROOM)
        assert (await one.receive())["state"] == []
        await one.subscribe(ROOM, "quiet:1", "orders")
        for channel in ("quiet:1", "orders"):
            assert code(await one.ask({"state": {channel: {}}})) == ("not_found", channel)
            assert (await one.receive())["state"] == []
        wrong: list[Any] = ["x", [ROOM], {ROOM: 1}, {ROOM: [1]}, {ROOM: {"x": "y" * 4_096}}]
        for states in wrong:
            assert code(await one.ask({"state": states}))[0] == "invalid_message"
        assert code(await one.ask({"state": {"a b": {}}})) == ("invalid_channel", "a b")
        assert (await one.ask({"state": {ROOM: {"x": "y" * 4_000}}}))["state"] == [ROOM]
        assert (await one.ask({"state": {}}))["state"] == []
