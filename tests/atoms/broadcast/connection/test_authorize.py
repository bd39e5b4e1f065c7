"""WebSocketBroadcastBackend(authorize=): asked before the hook of any channel, and where there is none."""

from typing import Any

import pytest

from pattern_stack import Channel, Forbidden, Identity, WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import serving_backend


class Door:
    """Notes what was asked, and in which order; refuses the channels in `shut`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.shut: set[str] = set()

    async def authorize(self, connection: Any, channel: str) -> None:
        self.asked.append(f"backend {channel}")
        if channel in self.shut:
            raise Forbidden(f"{channel} is shut")


def backend_with(door: Door, **options: Any) -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend(authorize=door.authorize, **options)

    @backend.channel("room:{room}", presence=True)
    class Room(Channel):
        async def authorize(self, connection: Any, room: str) -> None:
            door.asked.append(f"hook room:{room}")

    return backend


async def test_it_is_asked_before_the_hook_and_alone_where_there_is_none() -> None:
    door = Door()
    with serving_backend(backend_with(door, everyone=["news"])) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7", "orders")
    assert [asked for asked in door.asked if "news" in asked] == ["backend news"]
    assert [asked for asked in door.asked if "room" in asked] == ["backend room:7", "hook room:7"]
    assert door.asked.count("backend orders") == 1


async def test_who_is_refused_is_told_so_and_the_hook_is_not_called() -> None:
    door = Door()
    door.shut = {"room:7", "orders", "news"}
    backend = backend_with(door, everyone=["news"])
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7", "orders"]})
            errors = [(await one.receive())["error"] for _ in range(2)]
            assert [(error["code"], error["message"]) for error in errors] == [
                ("forbidden", "room:7 is shut"),
                ("forbidden", "orders is shut"),
            ]
            answer = await one.ask({"presence": ["room:7"]})
            assert answer["error"]["code"] == "forbidden"
            assert backend.get_all_channels() == []
    assert not any(asked.startswith("hook") for asked in door.asked)


async def test_it_is_asked_again_when_a_token_is_renewed() -> None:
    door = Door()
    backend = backend_with(door)
    with serving_backend(backend, verify_token=lambda token: Identity("ann")) as server:
        async with client(server.url) as one:
            await one.ask({"auth": "first"})
            await one.subscribe("room:7", "orders")
            door.shut = {"orders"}
            assert (await one.ask({"auth": "second"}))["error"]["channel"] == "orders"
            assert backend.get_all_channels() == ["room:7"]


@pytest.mark.parametrize("wrong", [7, "yes", Door])
def test_what_is_no_function_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError, match="authorize has to be"):
        WebSocketBroadcastBackend(authorize=wrong)
