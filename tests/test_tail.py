"""Following a channel through breaks."""

import asyncio
from typing import Any

import pytest
from fastapi import Header

from pattern_stack import Channel, Forbidden, WebSocketBroadcastBackend
from pattern_stack.tail import Stopped, Tail
from tests.support.server import Server, serving_backend


def sent_away(backend: WebSocketBroadcastBackend, server: Server, code: int, reason: str) -> None:
    server.call(lambda: [connection.close(code, reason) for connection in list(backend._instance.connections.open)])


async def test_what_was_missed_comes_after_the_break() -> None:
    backend = WebSocketBroadcastBackend()
    said: list[str] = []
    with serving_backend(backend) as server:
        events = Tail(server.url, ["a"], said.append).events()
        step = asyncio.ensure_future(anext(events))
        while not await asyncio.to_thread(backend.get_subscriber_count, "a"):
            pass
        await backend.broadcast("a", "one", {})
        assert (await step)["event"] == "one"
        await asyncio.to_thread(sent_away, backend, server, 1012, "retry-after=0.1")
        await backend.broadcast("a", "two", {})
        assert (await anext(events))["event"] == "two"
        following = f"following a on {server.url}"
        assert said == [following, "retry-after=0.1 (1012), again in 0.1 s", following]
        await events.aclose()


async def test_a_server_without_the_history_is_a_loss_that_is_said() -> None:
    said: list[str] = []
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        follower = Tail(server.url, ["a"], said.append)
        follower._positions["a"] = {"epoch": "of an earlier life", "offset": 9}
        events = follower.events()
        step = asyncio.ensure_future(anext(events))
        while not await asyncio.to_thread(backend.get_subscriber_count, "a"):
            pass
        await backend.broadcast("a", "one", {})
        assert (await step)["offset"] == 1
        assert said == [f"following a on {server.url}", "continuity was lost: a"]
        await events.aclose()


async def test_what_says_stop_stops() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not yours")

    with serving_backend(backend, verify_token=lambda token: token) as server:
        said: list[str] = []
        with pytest.raises(Stopped, match="none of these"):
            await anext(Tail(server.url, ["secret"], said.append, token="ann").events())
        assert said == ["secret: forbidden: not yours"]
        with pytest.raises(Stopped, match="unauthenticated"):
            await anext(Tail(server.url, ["a"], said.append).events())
        with pytest.raises(Stopped, match="no broadcast endpoint"):
            await anext(Tail(server.url + "/nowhere", ["a"], said.append).events())


async def test_headers_are_sent() -> None:
    backend = WebSocketBroadcastBackend()

    def user(authorization: str = Header()) -> str:
        return authorization

    with serving_backend(backend, authenticate=user) as server:
        following = asyncio.Event()
        tail = Tail(server.url, ["a"], lambda text: following.set(), headers=[("Authorization", "Bearer x")])
        events = tail.events()
        step = asyncio.ensure_future(anext(events))
        await following.wait()
        await backend.broadcast("a", "one", {})
        assert (await step)["event"] == "one"
        await backend.disconnect("Bearer x")
        await events.aclose()
