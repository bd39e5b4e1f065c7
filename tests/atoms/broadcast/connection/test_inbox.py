"""What waits for something is carried out in a task, and what waits for nothing without one; both alike where it fails."""

from typing import Any

import pytest

from pattern_stack import Channel, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.inbox import Inbox
from pattern_stack.atoms.broadcast.connection.subscriptions import Subscriptions
from tests.support.client import client
from tests.support.server import serving_backend


class Open(Channel):
    async def authorize(self, connection: Any, name: str) -> None: ...


@pytest.fixture
def rooms() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    backend.channel("room:{name}")(Open)
    return backend


async def test_a_subscription_without_hooks_needs_no_task(
    rooms: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    start = Inbox.start
    monkeypatch.setattr(Inbox, "start", lambda self, instance: made.append(self) or start(self, instance))
    with serving_backend(rooms) as server:
        async with client(server.url) as one:
            await one.subscribe("a", "b")
            await one.subscribe("a")
            assert not made
            await one.subscribe("room:a", "c")
            assert len(made) == 1
            await server.acall(lambda: rooms.broadcast("b", "x", {}))
            assert (await one.event())["channel"] == "b"


@pytest.mark.parametrize("channel", ["a", "room:a"])
async def test_a_subscription_that_fails_closes_with_1011_and_is_logged(
    rooms: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, channel: str
) -> None:
    def fail(*_: object, quiet: bool) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(Subscriptions, "_reply", fail)
    with serving_backend(rooms) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": [channel], "id": 1})
            assert (await one.closed())[0] == 1011
        assert rooms.get_subscriber_count(channel) == 0
    assert "a fault of ours" in caplog.text


@pytest.mark.parametrize("channel", ["a", "room:a"])
async def test_a_connection_that_ends_amid_its_subscription_leaves_nothing(
    rooms: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, channel: str
) -> None:
    subscribe = type(rooms._instance.engine).subscribe

    async def close_first(engine: Any, name: str) -> None:
        await subscribe(engine, name)
        if name == channel:
            for connection in list(rooms._instance.connections.open):
                connection.close(4000, "enough")

    monkeypatch.setattr(type(rooms._instance.engine), "subscribe", close_first)
    with serving_backend(rooms) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": [channel], "id": 1})
            assert await one.closed() == (4000, "enough")
        assert rooms.get_subscriber_count(channel) == 0
        assert rooms.get_total_connections() == 0
    assert not [record for record in caplog.records if record.exc_info]
