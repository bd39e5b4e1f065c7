"""Following channels through breaks, refusals and servers of another kind."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from fastapi import Header
from websockets.asyncio.server import ServerConnection, serve

from pattern_stack import Channel, Forbidden, WebSocketBroadcastBackend
from pattern_stack.tail import Stopped, Tail, _seconds
from tests.support.ports import free_port
from tests.support.server import Server, serving_backend


def sent_away(backend: WebSocketBroadcastBackend, server: Server, code: int, reason: str) -> None:
    server.call(lambda: [connection.close(code, reason) for connection in list(backend._instance.connections.open)])


async def test_missed_events_come_after_a_break() -> None:
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


async def test_lost_history_is_reported() -> None:
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


async def test_refusals_end_it() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not yours")

    with serving_backend(backend, verify_token=lambda token: token) as server:
        said: list[str] = []
        with pytest.raises(Stopped, match="secret: forbidden: not yours"):
            await anext(Tail(server.url, ["secret"], said.append, token="ann").events())
        assert said == []
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


def impatient(tail: Tail) -> list[None]:
    """It waits for nothing between two tries. Returns what grows with each."""
    tries: list[None] = []
    tail._delay = lambda asked: tries.append(None) or 0  # type: ignore[method-assign,func-returns-value]
    return tries


async def until(tries: list[None], count: int) -> None:
    async with asyncio.timeout(60):
        while len(tries) < count:  # noqa: ASYNC110 - a try has no event
            await asyncio.sleep(0.001)


async def test_an_unreachable_address_is_reported_once_with_the_reason() -> None:
    said, unreachable, port = list[str](), list[str](), free_port()
    url = f"ws://127.0.0.1:{port}"
    tail = Tail(url, ["a"], said.append, unreachable=unreachable.append)
    tries = impatient(tail)
    events = tail.events()
    step = asyncio.ensure_future(anext(events))
    await until(tries, 20)
    assert len(unreachable) == 1
    assert unreachable[0].startswith(f"cannot reach {url}: [Errno ")
    assert said == []

    subscribed = json.dumps({"subscribed": {"a": {"epoch": "e", "offset": 0}}})
    async with answering(subscribed, port=port):
        async with asyncio.timeout(60):
            while not said:  # noqa: ASYNC110 - what is said has no event
                await asyncio.sleep(0.001)
        assert said == [f"following a on {url}"]
    await until(tries, len(tries) + 20)
    again = unreachable[1:]  # a server that stops may give other reasons first
    assert again[-1] == unreachable[0]
    assert len(set(again)) == len(again)
    step.cancel()
    await asyncio.wait([step])
    await events.aclose()


@asynccontextmanager
async def answering(*frames: str | bytes, port: int = 0) -> AsyncIterator[str]:
    """A WebSocket server that answers a subscription with these frames, whatever they are."""

    async def answer(socket: ServerConnection) -> None:
        await socket.recv()
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    async with serve(answer, "127.0.0.1", port) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "no JSON",
        b"\xff\x00",
        "null",
        '"subscribed"',
        '{"subscribed": 7}',
        '{"subscribed": {"a": {}}}',
        '{"error": "no"}',
        '{"reset": []}',
        '{"channel": "a"}',
        "[7]",
    ],
)
async def test_a_server_that_does_not_speak_the_protocol_ends_it(frame: str | bytes) -> None:
    async with answering(frame, frame) as url, aclosing(Tail(url, ["a"], print).events()) as events:
        with pytest.raises(Stopped, match="does not speak this protocol"):
            await anext(events)


async def test_an_event_without_an_offset_is_yielded() -> None:
    subscribed = json.dumps({"subscribed": {"a": {"epoch": "e", "offset": 7}}})
    ephemeral = {"channel": "a", "event": "typing", "payload": {}}
    async with (
        answering(subscribed, json.dumps(ephemeral)) as url,
        aclosing(Tail(url, ["a"], lambda text: None).events()) as events,
    ):
        assert await anext(events) == ephemeral


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5", 1.5),
        ("0", 0),
        ("-3", 0),
        ("1e999", None),
        ("nan", None),
        ("9" * 100, 300),
        ("", None),
        ("Sat, 01", None),
    ],
)
def test_a_delay_that_the_server_asks_for_is_bounded(text: str, seconds: float | None) -> None:
    assert _seconds(text) == seconds


async def test_a_busy_server_is_tried_again_and_a_refusal_is_final() -> None:
    """By the status of its answer to the handshake."""
    answers = [(503, "busy"), (429, "slow"), (401, "who is\nthis?")]
    waits: list[float | None] = []
    unreachable: list[str] = []

    def answer(socket: ServerConnection, request: Any) -> Any:
        status, text = answers.pop(0)
        response = socket.respond(status, text)
        response.headers["Retry-After"] = "0"
        return response

    async with serve(answer_nobody, "127.0.0.1", 0, process_request=answer) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tail = Tail(url, ["a"], print, unreachable=unreachable.append)
        tail._delay = lambda asked: waits.append(asked) or 0  # type: ignore[method-assign,func-returns-value]
        with pytest.raises(Stopped, match="refuses: HTTP 401 who is\nthis"):
            await anext(tail.events())
    assert waits == [0, 0]
    assert unreachable == [f"cannot reach {url}: HTTP {status}; trying again" for status in (503, 429)]


async def answer_nobody(socket: ServerConnection) -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("url", "proxy", "asked"),
    [
        ("ws://127.0.0.1:1", True, None),
        ("ws://localhost:1", True, None),
        ("ws://[::1]:1", True, None),
        ("ws://app.localhost:1", True, None),
        ("ws://192.0.2.1:1", True, True),
        ("wss://example.org", True, True),
        ("ws://192.0.2.1:1", False, None),
    ],
)
def test_a_server_on_this_machine_is_not_asked_through_a_proxy(url: str, proxy: bool, asked: bool | None) -> None:
    assert Tail(url, ["a"], print, proxy=proxy)._proxy is asked
