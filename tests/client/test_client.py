"""The client in Python, through breaks, refusals and proxies that block WebSockets."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Header

from pattern_stack import (
    BroadcastClosed,
    BroadcastError,
    Channel,
    Event,
    Forbidden,
    History,
    Identity,
    InvalidChannel,
    InvalidEvent,
    InvalidURL,
    Rejected,
    Unauthenticated,
    WebSocketBroadcastBackend,
    command,
)
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.client import BroadcastClient, Reset
from tests.support.patience import PATIENCE
from tests.support.proxy import proxy
from tests.support.server import Server, serving, serving_backend, until

NO_SOCKETS = {"ws": "none"}
"""uvicorn's own configuration: every handshake is answered as a GET."""


def sent_away(backend: WebSocketBroadcastBackend, code: int, reason: str = "") -> None:
    for connection in list(backend._instance.connections.open):
        connection.close(code, reason)


async def on(server: Server, backend: WebSocketBroadcastBackend, channel: str = "a") -> None:
    """Until somebody is on the channel."""
    await until(server, lambda: backend.get_subscriber_count(channel) == 1)


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_missed_events_come_after_a_break(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config=config) as server:
        async with BroadcastClient(server.url) as client:
            events = client.listen("a")
            step = asyncio.create_task(anext(events))
            await on(server, backend)
            first = await backend.broadcast("a", "one", {"n": 1})
            assert await step == first
            await server.acall(lambda: sent_away(backend, 1012, "retry-after=0.1"))
            second = await backend.broadcast("a", "two", {"n": 2})
            got = await anext(events)
            assert isinstance(got, Event)
            assert (got, got.event_type, got.payload) == (second, "two", {"n": 2})
        await until(server, lambda: backend.get_total_connections() == 0)


async def test_since_and_last_say_where_to_begin() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        published = [await backend.broadcast("a", "x", {"n": n}) for n in range(4)]
        async with BroadcastClient(server.url) as client:
            assert await anext(client.listen("a", since=published[1].position)) == published[2]
            assert await anext(client.listen("a", last=1)) == published[3]
            with pytest.raises(InvalidChannel):
                client.listen("!")
        with pytest.raises(BroadcastClosed):
            client.listen("a")


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_a_reset_is_raised_and_the_next_listen_goes_on_from_there(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend(history=History(events=1))
    with serving_backend(backend, config=config) as server:
        published = [await backend.broadcast("a", "x", {"n": n}) for n in range(3)]
        async with BroadcastClient(server.url) as client:
            with pytest.raises(Reset) as raised:
                await anext(client.listen("a", since=published[0].position))
            assert (raised.value.channel, raised.value.position) == ("a", published[2].position)
            last = await backend.broadcast("a", "x", {})
            assert await anext(client.listen("a")) == last

            yielding = client.listen("a", since=published[0].position, resets="yield")
            reset = await anext(yielding)
            assert isinstance(reset, Reset)
            newest = await backend.broadcast("a", "x", {})
            assert await anext(yielding) == newest


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_a_snapshot_is_an_event(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("state")
    class State(Channel):
        async def snapshot(self, *_: Any) -> dict[str, Any]:
            return {"n": 1}

    with serving_backend(backend, config=config) as server:
        async with BroadcastClient(server.url) as client:
            snapshot = await anext(client.listen("state"))
            assert (snapshot.event_type, snapshot.payload, snapshot.offset) == ("snapshot", {"n": 1}, 0)


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_a_refused_channel_raises(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, *_: Any) -> None:
            raise Forbidden("not yours")

    with serving_backend(backend, config=config) as server:
        async with BroadcastClient(server.url) as client:
            with pytest.raises(Forbidden, match="not yours"):
                await anext(client.listen("secret"))


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_a_final_close_raises(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config=config) as server:
        async with BroadcastClient(server.url) as client:
            step = asyncio.create_task(anext(client.listen("a")))
            await on(server, backend)
            await server.acall(lambda: sent_away(backend, 4403, "banned"))
            with pytest.raises(BroadcastError, match="4403 banned"):
                await step


async def test_a_channel_that_ends_ends_the_iteration() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with BroadcastClient(server.url) as client:
            events = client.listen("a")
            step = asyncio.create_task(anext(events))
            await on(server, backend)
            await backend.end("a")
            with pytest.raises(StopAsyncIteration):
                await step


class Tokens:
    """What an application's token server does: each call gives the next token."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.stale: list[str | None] = []

    async def __call__(self, stale: str | None) -> str | tuple[str, float]:
        self.stale.append(stale)
        token = f"token{len(self.stale)}"
        return token if self.seconds is None else (token, time.time() + self.seconds)


def verifying(seconds: float) -> Callable[[str], Any]:
    async def verify(token: str) -> Identity:
        if not token.startswith("token"):
            raise Unauthenticated("no such token")
        return Identity("ann", time.time() + seconds)

    return verify


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
@pytest.mark.parametrize("told", [None, 1.5])
async def test_a_token_that_runs_out_is_renewed(config: dict[str, Any], told: float | None) -> None:
    backend = WebSocketBroadcastBackend()
    tokens = Tokens(told)
    with serving_backend(backend, config=config, verify_token=verifying(1.5)) as server:
        async with BroadcastClient(server.url, token=tokens) as client:
            events = client.listen("a")
            step = asyncio.create_task(anext(events))
            await on(server, backend)
            while len(tokens.stale) < 2:
                await backend.broadcast("a", "x", {})
                assert (await step).event_type == "x"
                step = asyncio.create_task(anext(events))
            assert tokens.stale[:2] == [None, "token1"]
            await backend.broadcast("a", "y", {})
            assert (await step).event_type == "y"


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_a_token_that_is_not_taken_raises(config: dict[str, Any]) -> None:
    with serving_backend(WebSocketBroadcastBackend(), config=config, verify_token=verifying(60)) as server:
        async with BroadcastClient(server.url, token="wrong") as client:
            with pytest.raises(Unauthenticated, match="no such token"):
                await anext(client.listen("a"))


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_headers_and_the_query_go_with_every_request(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()

    def user(tenant: str, x_gate: str = Header(), authorization: str = Header()) -> str:
        return f"{tenant} {x_gate} {authorization}"

    with serving_backend(backend, config=config, authenticate=user) as server:
        await backend.broadcast("a", "x", {})
        headers = {"X-Gate": "open", "Authorization": "Basic x"}  # the token gives way
        async with BroadcastClient(f"{server.url}?tenant=t", token="y", headers=headers) as client:
            events = client.listen("a", last=1)  # held: its connection ends with it
            assert (await anext(events)).event_type == "x"
            (user_there,) = await server.acall(lambda: [one.user for one in backend._instance.connections.open])
            assert user_there == "t open Basic x"


async def test_an_answer_that_is_no_stream_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.get("/sse/broadcast")(lambda: {"no": "stream"})
    with serving(app) as server:
        async with BroadcastClient(server.url) as client:
            step = asyncio.create_task(anext(client.listen("a")))
            while client._route._socket_at == 0 or client._route._unopened < 3:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            step.cancel()
    assert "cannot reach" in caplog.text


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_where_there_is_no_endpoint_it_says_so(config: dict[str, Any]) -> None:
    app = FastAPI()
    add_exception_handlers(app)  # of the REST calls: their 404 is no answer of an endpoint either
    app.include_router(WebSocketBroadcastBackend().get_router())
    with serving(app, **config) as server:
        async with BroadcastClient(server.url.replace("broadcast", "elsewhere")) as client:
            with pytest.raises(BroadcastError, match="no broadcast endpoint"):
                await anext(client.listen("a"))


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_cancelled_it_leaves_no_task_and_no_socket(config: dict[str, Any]) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, config=config) as server:
        async with BroadcastClient(server.url) as client:
            before = asyncio.all_tasks()
            step = asyncio.create_task(anext(client.listen("a")))
            await on(server, backend)
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
            await until(server, lambda: backend.get_total_connections() == 0)
            async with asyncio.timeout(PATIENCE):
                while asyncio.all_tasks() != before:  # noqa: ASYNC110 - the server has seen its close before its own end
                    await asyncio.sleep(0.01)

            step = asyncio.create_task(anext(client.listen("a"), None))
            await on(server, backend)
        assert await step is None  # the client was closed
        assert asyncio.all_tasks() == before


def test_plain_threads_need_no_loop() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server, BroadcastClient(server.url) as client:
        for n in range(3):
            server.call(lambda n=n: backend.broadcast("a", "x", {"n": n}))
        seen = []
        for event in client.listen_sync("a", last=3):
            seen.append(event.payload["n"])
            if len(seen) == 3:
                break
        assert seen == [0, 1, 2]


async def test_a_socket_is_tried_again_where_http_fails() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with proxy(server.port) as line:
            url = server.url.replace(str(server.port), str(line.port))
            line.refuse()
            async with BroadcastClient(url) as client:
                events = client.listen("a")
                step = asyncio.create_task(anext(events))
                while client._route._unopened < 3:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
                await line.restore()
                await on(server, backend)
                await backend.broadcast("a", "x", {})
                assert (await step).event_type == "x"


class Desk(Channel):
    done = 0

    @command("count")
    async def count(self, connection: Any, payload: dict[str, Any], desk: str) -> dict[str, Any]:
        if payload.get("refuse"):
            raise Rejected("not_now", "later")
        Desk.done += 1
        return {"desk": desk, **payload}


@pytest.mark.parametrize("config", [{}, NO_SOCKETS], ids=["socket", "stream"])
async def test_commands_are_carried_out_once_and_answered(config: dict[str, Any]) -> None:
    Desk.done = 0
    backend = WebSocketBroadcastBackend()
    backend.channel("desk:{desk}")(Desk)
    with serving_backend(backend, config=config) as server:
        async with (
            proxy(server.port) as line,
            BroadcastClient(server.url.replace(str(server.port), str(line.port))) as client,
        ):
            assert await client.send("desk:1", "count", {"n": 0}) == {"desk": "1", "n": 0}
            with pytest.raises(Rejected) as refused:
                await client.send("desk:1", "count", {"refuse": True})
            assert (refused.value.code, refused.value.message) == ("not_now", "later")
            line.refuse()
            waiting = [asyncio.create_task(client.send("desk:1", "count", {"n": n})) for n in (1, 2)]
            await line.restore()
            assert [await one for one in waiting] == [{"desk": "1", "n": n} for n in (1, 2)]
            with pytest.raises(Rejected) as unknown:
                await client.send("desk:1", "paint", {})
            assert unknown.value.code == "unknown_event"
        assert Desk.done == 3


@pytest.mark.parametrize(
    "payload", [{"title": {1}}, {"title": "\ud800"}, {"n": 2**70}, {1: 2}, {"n": float("nan")}, [1], "a"]
)
async def test_a_command_that_is_no_json_raises_at_once(payload: Any) -> None:
    async with BroadcastClient("ws://127.0.0.1:1/ws/broadcast") as client:
        with pytest.raises(InvalidEvent):
            await asyncio.wait_for(client.send("a", "x", payload), PATIENCE)
        assert not client._senders  # nothing waits for a connection
        for event, key in (("\ud800", None), ("x", "\ud800")):
            with pytest.raises(InvalidEvent):
                await asyncio.wait_for(client.send("a", event, {}, key=key), PATIENCE)


async def test_what_changes_a_payload_later_changes_no_command() -> None:
    backend = WebSocketBroadcastBackend()
    backend.channel("desk:{desk}")(Desk)
    with serving_backend(backend) as server:
        async with BroadcastClient(server.url) as client:
            payload: dict[str, Any] = {"names": ["a"]}
            sending = asyncio.create_task(client.send("desk:1", "count", payload))
            await asyncio.sleep(0)
            payload["names"].append({1})
            assert await sending == {"desk": "1", "names": ["a"]}


async def test_a_position_is_two_values() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        first, second = [await backend.broadcast("a", "x", {"n": n}) for n in range(2)]
        async with BroadcastClient(server.url) as client:
            row = (first.epoch, first.offset)
            assert await anext(client.listen("a", since=row)) == second
            assert await server.acall(lambda: anext(aiter(backend.listen("a", since=row)))) == second
            for wrong in ("x", ("a", "b"), ("a",), ("a", True), ("a", -1), 3):
                with pytest.raises(TypeError, match="epoch, offset"):
                    client.listen("a", since=wrong)  # type: ignore[call-overload]
                with pytest.raises(TypeError, match="epoch, offset"):
                    backend.listen("a", since=wrong)  # type: ignore[arg-type]
    for url in ("foo", "http://localhost/ws/broadcast", ""):
        with pytest.raises(InvalidURL, match="begins with ws:// or wss://"):
            BroadcastClient(url)
    with pytest.raises(TypeError, match="url is"):
        BroadcastClient(None)  # type: ignore[arg-type]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "pattern_stack.client"]


async def test_an_outage_is_told_once_and_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pattern_stack.client")
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with proxy(server.port) as line:
            bare = server.url.replace(str(server.port), str(line.port))
            line.refuse()
            async with BroadcastClient(bare.replace("ws://", "ws://ann:hunter2@") + "?token=hunter3") as client:
                steps = [asyncio.create_task(anext(client.listen(channel))) for channel in "ab"]
                while client._route._unopened < 3:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
                (begin,) = told(caplog)
                assert begin.startswith(f"cannot reach {bare}: ")
                assert begin.endswith("; trying again")
                await line.restore()
                for channel in "ab":
                    await on(server, backend, channel)
                    await backend.broadcast(channel, "x", {})
                await asyncio.gather(*steps)
    assert told(caplog)[1:] == [f"reached {bare} again"]
    assert "hunter" not in caplog.text


async def test_a_channel_refused_for_the_time_being_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pattern_stack.client")
    backend = WebSocketBroadcastBackend()
    asked = 0

    @backend.channel("a")
    class Broken(Channel):
        async def authorize(self, connection: Any) -> None:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise RuntimeError("no database")

    with serving_backend(backend) as server:
        async with BroadcastClient(server.url) as client:
            step = asyncio.create_task(anext(client.listen("a")))
            await on(server, backend)
            await backend.broadcast("a", "x", {})
            await step
        begin, end = told(caplog)
    assert begin.startswith(f"cannot follow a on {server.url}: internal: ")
    assert end == "following a again"
