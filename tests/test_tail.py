"""Following a channel through breaks."""

import asyncio
from typing import Any

import pytest
from fastapi import Header, HTTPException

from pattern_stack import Channel, Forbidden, Unauthenticated, WebSocketBroadcastBackend
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


async def test_a_handshake_that_is_refused_is_said() -> None:
    def refuse() -> None:
        raise Unauthenticated("no such token")

    serving = serving_backend(WebSocketBroadcastBackend(), authenticate=refuse)
    with serving as server, pytest.raises(Stopped, match="answers HTTP 401: no such token"):
        await anext(Tail(server.url, ["a"], print).events())


async def test_a_server_that_cannot_tell_who_it_is_is_asked_again() -> None:
    failures = [HTTPException(503, headers={"Retry-After": "0"}), HTTPException(429, headers={"Retry-After": "0"})]

    def fail_first() -> str:
        if failures:
            raise failures.pop()
        return "ann"

    said: list[str] = []
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=fail_first) as server:
        events = Tail(server.url, ["a"], said.append).events()
        step = asyncio.ensure_future(anext(events))
        while not await asyncio.to_thread(backend.get_subscriber_count, "a"):
            pass
        await backend.broadcast("a", "x", {})
        assert (await step)["event"] == "x"
        await events.aclose()
    assert said == ["retry-after=0 (1013), again in 0.0 s"] * 2 + [f"following a on {server.url}"]
