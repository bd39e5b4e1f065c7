"""Following channels through breaks, refusals and servers of another kind."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Header
from websockets.asyncio.server import ServerConnection, serve

from pattern_stack import BroadcastError, Channel, Forbidden, History, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.url_text import shown
from pattern_stack.client.backoff import Backoff
from pattern_stack.client.link import Way
from pattern_stack.tail import tail, told
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.server import Server, serving_backend, until


class Shown:
    """What a tail of these channels prints, in a task."""

    def __init__(self, url: str, *channels: str, **options: Any) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(tail(url, channels, self._events.put_nowait, **options))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._events.get(), PATIENCE)

    async def __aenter__(self) -> "Shown":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    with told(lines.append):
        yield lines


async def on(server: Server, backend: WebSocketBroadcastBackend, *channels: str) -> None:
    await until(server, lambda: all(backend.get_subscriber_count(channel) for channel in channels))


def sent_away(backend: WebSocketBroadcastBackend, server: Server, code: int, reason: str) -> None:
    server.call(lambda: [connection.close(code, reason) for connection in list(backend._instance.connections.open)])


async def test_missed_events_come_after_a_break(said: list[str]) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with Shown(server.url, "a") as shown:
            await on(server, backend, "a")
            await backend.broadcast("a", "one", {})
            assert (await shown.next())["event"] == "one"
            await asyncio.to_thread(sent_away, backend, server, 1012, "retry-after=0.1")
            await backend.broadcast("a", "two", {})
            assert (await shown.next())["event"] == "two"
        following = f"following a on {server.url}"
        assert said == [following, "retry-after=0.1 (1012), again in 0.1 s", following]


async def test_several_channels_share_a_connection_and_one_that_is_lost_is_told(said: list[str]) -> None:
    backend = WebSocketBroadcastBackend(history=History(events=1))

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not yours")

    with serving_backend(backend) as server:
        async with Shown(server.url, "a", "b", "secret", "c") as shown:
            await on(server, backend, "a", "b", "c")
            assert backend.get_total_connections() == 1
            await backend.end("c")
            await asyncio.to_thread(sent_away, backend, server, 1012, "retry-after=0.1")
            for name in ("one", "two"):  # the window keeps the second
                await backend.broadcast("a", name, {})
            await on(server, backend, "a")
            await backend.broadcast("b", "three", {})
            assert (await shown.next())["event"] == "three"
            assert said[0] == "secret: forbidden: not yours"
            assert said[1] == f"following a, b, c on {server.url}"
            assert "c has ended" in said
            assert said[-2:] == [f"following a, b on {server.url}", "continuity was lost: a"]
            await backend.end("a")
            await backend.end("b")
            await asyncio.wait_for(shown.task, PATIENCE)


async def test_refusals_end_it() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("not yours")

    with serving_backend(backend, verify_token=lambda token: token) as server:
        with pytest.raises(Forbidden, match="secret: forbidden: not yours"):
            await tail(server.url, ["secret"], print, token="ann")
        with pytest.raises(Unauthenticated, match="unauthenticated"):
            await tail(server.url, ["a"], print)
        with pytest.raises(BroadcastError, match="no broadcast endpoint"):
            await tail(server.url + "/nowhere", ["a"], print)


async def test_what_showing_raises_ends_it_and_leaves_nothing() -> None:
    """As where the reader of a pipe has gone."""
    backend = WebSocketBroadcastBackend()

    def gone(event: Any) -> None:
        raise BrokenPipeError

    with serving_backend(backend) as server:
        before = asyncio.all_tasks()
        following = asyncio.create_task(tail(server.url, ["a"], gone))
        await on(server, backend, "a")
        await backend.broadcast("a", "one", {})
        with pytest.raises(BrokenPipeError):
            await asyncio.wait_for(following, PATIENCE)
        assert asyncio.all_tasks() == before
        await until(server, lambda: backend.get_total_connections() == 0)


async def test_headers_are_sent() -> None:
    backend = WebSocketBroadcastBackend()

    def user(authorization: str = Header()) -> str:
        return authorization

    with serving_backend(backend, authenticate=user) as server:
        async with Shown(server.url, "a", headers={"Authorization": "Bearer x"}, token="y") as shown:
            await on(server, backend, "a")
            await backend.broadcast("a", "one", {})
            assert (await shown.next())["event"] == "one"
            await backend.disconnect("Bearer x")
            with pytest.raises(Forbidden):
                await asyncio.wait_for(shown.task, PATIENCE)


async def until_tried(tries: list[Any], count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(tries) < count:  # noqa: ASYNC110 - a try has no event
            await asyncio.sleep(0.001)


async def test_an_unreachable_address_is_reported_once_with_the_reason(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[None] = []
    monkeypatch.setattr(Backoff, "next", lambda *_: tries.append(None) or 0)
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    async with Shown(f"ws://ann:hunter2@127.0.0.1:{port}?token=hunter3", "a"):
        await until_tried(tries, 20)
        (line,) = said
        assert line.startswith(f"cannot reach {url}: [Errno ")
        subscribed = json.dumps({"subscribed": {"a": {"epoch": "e", "offset": 0}}})
        async with answering(subscribed, port=port):
            await until_tried(said, 3)
            assert said[1:3] == [f"reached {url} again", f"following a on {url}"]
    assert "hunter" not in "".join(said)


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
    async with answering(frame, frame) as url:
        with pytest.raises(BroadcastError, match=f"{url} does not speak this protocol"):
            await asyncio.wait_for(tail(f"{url}?token=x", ["a"], print), PATIENCE)


async def test_an_event_without_an_offset_is_shown() -> None:
    subscribed = json.dumps({"subscribed": {"a": {"epoch": "e", "offset": 7}}})
    ephemeral = {"channel": "a", "event": "typing", "payload": {}}
    async with answering(subscribed, json.dumps(ephemeral)) as url, Shown(url, "a") as shown:
        assert await shown.next() == ephemeral


async def test_a_busy_server_is_tried_again_and_a_refusal_is_final(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the status of its answer to the handshake."""
    answers = [(503, "busy"), (429, "slow"), (401, "who is\nthis?")]
    waits: list[float | None] = []
    monkeypatch.setattr(Backoff, "next", lambda _, asked=None: waits.append(asked) or 0)

    def answer(socket: ServerConnection, request: Any) -> Any:
        status, text = answers.pop(0)
        response = socket.respond(status, text)
        response.headers["Retry-After"] = "0"
        return response

    async with serve(answer_nobody, "127.0.0.1", 0, process_request=answer) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(BroadcastError, match="HTTP 401 who is"):
            await asyncio.wait_for(tail(url, ["a"], print), PATIENCE)
    assert waits == [0, 0]
    assert said == [f"cannot reach {url}: HTTP 503 busy; trying again"]


async def answer_nobody(socket: ServerConnection) -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("url", "proxy", "asked"),
    [
        ("ws://127.0.0.1:1", True, False),
        ("ws://localhost:1", True, False),
        ("ws://[::1]:1", True, False),
        ("ws://app.localhost:1", True, False),
        ("ws://192.0.2.1:1", True, True),
        ("wss://example.org", True, True),
        ("ws://192.0.2.1:1", False, False),
    ],
)
def test_a_server_on_this_machine_is_not_asked_through_a_proxy(url: str, proxy: bool, asked: bool) -> None:
    assert Way(proxy=proxy).by_proxy(url) is asked


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://ann:pass@app.example/a?token=x#y", "https://app.example/a"),
        ("https://ann:p/a@ss@app.example", "https://app.example"),
        ("ann:pass@app.example:80", "app.example:80"),
        ("http://ann:pass@[::1", "http://[::1"),
        ("localhost:8000?token=x", "localhost:8000"),
        ("ws://h/\x1b[31m", "ws://h/\\u001b[31m"),
    ],
)
def test_what_is_shown_of_a_url_has_no_secret(url: str, seen: str) -> None:
    assert shown(url) == seen
