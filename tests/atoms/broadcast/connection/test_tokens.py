"""`verify_token`, renewal, and identities that run out."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import HTTPException
from websockets.exceptions import ConnectionClosed

from pattern_stack import Forbidden, Identity, Limits, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection import connection as module
from tests.support.client import Client, client, page_of
from tests.support.server import Server, serving_backend, until
from tests.support.watched import Watched

pytestmark = pytest.mark.lanes("fast", "direct")

COMMANDS: list[dict[str, Any]] = [
    {"subscribe": ["orders"]},
    {"unsubscribe": ["orders"]},
    {"ping": 1},
    {"refresh": ["orders"]},
    {"presence": ["orders"]},
]


def verify(token: str) -> str:
    """TOKEN is the user's name; "bad" is nobody's."""
    if token == "bad":
        raise Unauthenticated("this token is bad")
    return token


async def verify_async(token: str) -> str:
    return verify(token)


class Verifier:
    async def __call__(self, token: str) -> str:
        return verify(token)


async def refusal(one: Client, frame: dict[str, Any]) -> tuple[str, str]:
    error = (await one.ask(frame))["error"]
    return error["code"], error["message"]


def backend_with_me(**options: Any) -> WebSocketBroadcastBackend:
    """Who subscribes to `me` gets its user."""
    backend = WebSocketBroadcastBackend(**options)
    Watched(backend, "me", snapshot=lambda connection: {"user": connection.user})
    return backend


async def user(one: Client) -> Any:
    await one.ask({"unsubscribe": ["me"]})
    await one.subscribe("me")
    return (await one.event())["payload"]["user"]


# -- expiry


class Wall:
    """The wall clock of the server, set by the test. Connections read it every 10 ms."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))
        self.looks = 0

    def time(self) -> float:
        self.looks += 1
        return self.now

    def monotonic(self) -> float:
        return time.monotonic()

    async def move(self, seconds: float, server: Server) -> None:
        """Set it, and wait until connections have read it."""
        self.now += seconds
        looks = self.looks
        await until(server, lambda: self.looks > looks + 1)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr(module, "time", wall)
    monkeypatch.setattr(module, "_HOUR", 0.01)
    return wall


@pytest.mark.parametrize("as_datetime", [False, True])
async def test_an_identity_that_runs_out_closes_with_4401_at_its_time(wall: Wall, as_datetime: bool) -> None:
    end = wall.now + 60
    expires_at = datetime.fromtimestamp(end, UTC) if as_datetime else end
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend, authenticate=lambda: Identity("ann", expires_at)) as server:
        async with client(server.url) as one:
            await one.nothing_more()
            await wall.move(59, server)
            await one.nothing_more()
            wall.now += 1
            assert (await one.closed())[0] == 4401
            assert backend.get_total_connections() == 0


RAN_OUT = {"just now": time.time() - 1, "in 1970": 0, "as a datetime": datetime.now(UTC) - timedelta(seconds=1)}


@pytest.mark.parametrize("expires_at", RAN_OUT.values(), ids=RAN_OUT)
async def test_an_identity_that_ran_out_already_is_4401_at_once(expires_at: Any) -> None:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend, authenticate=lambda: Identity("ann", expires_at)) as server:
        async with client(server.url, origin=page_of(server.url)) as one:
            assert (await one.closed())[0] == 4401
        assert backend.get_subscriber_count("news") == 0


@pytest.mark.parametrize("identity", ["ann", Identity("ann"), Identity("ann", time.time() + 10**9)])
async def test_an_identity_and_a_plain_value_are_the_user(identity: Any) -> None:
    with serving_backend(backend_with_me(), authenticate=lambda: identity) as server:
        async with client(server.url) as one:
            assert await user(one) == "ann"


async def test_a_token_that_ran_out_already_closes_with_4401() -> None:
    with serving_backend(WebSocketBroadcastBackend(), verify_token=lambda token: Identity(token, 1)) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            assert (await one.closed())[0] == 4401


# -- verify_token alone


async def test_a_token_must_come_in_time() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(auth_seconds=0.1))
    with serving_backend(backend, verify_token=verify) as server:
        for frame in ({"ping": 1}, {"auth": "bad"}):
            async with client(server.url) as one:
                with suppress(ConnectionClosed):
                    await one.send(frame)
                assert (await one.closed())[0] == 4401


async def test_a_token_in_time_stops_the_timer() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(auth_seconds=1_000))
    with serving_backend(backend, verify_token=verify) as server:
        async with client(server.url) as one:
            (connection,) = server.call(lambda: list(backend._instance.connections.open))
            assert connection._timer is not None
            assert (await one.ask({"auth": "ann"}))["authenticated"] is True
            assert connection._timer is None


async def test_before_the_token_every_command_is_refused_and_does_nothing() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(bad_frames=3))
    rooms = Watched(backend, "orders")
    with serving_backend(backend, verify_token=verify) as server:
        async with client(server.url) as one:
            for command in COMMANDS:
                assert (await refusal(one, command))[0] == "unauthenticated"
            assert not rooms.calls
            assert backend.get_all_channels() == []
            assert (await one.ask({"auth": "ann"}))["authenticated"] is True
            await one.subscribe("orders")
            assert backend.get_subscriber_count("orders") == 1


@pytest.mark.parametrize(
    "verify_token",
    [verify, verify_async, Verifier(), lambda token: verify_async(token)],
    ids=["sync", "async", "object", "lambda"],
)
async def test_a_bad_token_is_refused_and_a_good_one_may_follow(verify_token: Any) -> None:
    with serving_backend(backend_with_me(), verify_token=verify_token) as server:
        async with client(server.url) as one:
            assert await refusal(one, {"auth": "bad"}) == ("unauthenticated", "this token is bad")
            assert (await refusal(one, {"ping": 1}))[0] == "unauthenticated"
            await one.send({"id": "here", "auth": "ann"})
            assert await one.receive() == {"id": "here", "authenticated": True}
            assert await user(one) == "ann"
            await one.send({"auth": "ann"})  # without an id there is no reply
            assert await user(one) == "ann"
            await one.nothing_more()


async def test_the_token_of_another_user_ends_the_connection() -> None:
    backend = backend_with_me()
    with serving_backend(backend, verify_token=verify) as server:
        async with client(server.url) as one:
            await one.ask({"auth": "ann"})
            await one.subscribe("orders")
            await one.send({"auth": "bob", "id": 1})
            assert (await one.closed())[0] == 4403
            assert not one.inbox
            assert backend.get_all_channels() == []


async def test_a_verifier_that_fails_is_logged_and_closes_with_1013(caplog: pytest.LogCaptureFixture) -> None:
    def fail(token: str) -> str:
        raise RuntimeError("password=secret")

    with serving_backend(WebSocketBroadcastBackend(), verify_token=fail) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            code, reason = await one.closed()
            assert code == 1013
            assert not one.inbox
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["password=secret"]
    assert "secret" not in reason  # as at the handshake: what failed inside is for the log


@pytest.mark.parametrize("error", [HTTPException(401, "old"), HTTPException(403, "old"), Unauthenticated("old")])
async def test_a_verifier_that_refuses_leaves_the_connection_open(error: Exception) -> None:
    def refuse(token: str) -> str:
        raise error

    with serving_backend(WebSocketBroadcastBackend(), verify_token=refuse) as server:
        async with client(server.url) as one:
            assert await refusal(one, {"auth": "ann"}) == ("unauthenticated", "old")


@pytest.mark.parametrize("in_a_thread", [True, False])
async def test_a_verifier_that_hangs_closes_with_1013(in_a_thread: bool) -> None:
    gate = threading.Event()

    def block(token: str) -> str:
        gate.wait(30)
        return token

    async def hang(token: str) -> str:
        await asyncio.Event().wait()
        return token

    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=0.1))
    with serving_backend(backend, verify_token=block if in_a_thread else hang) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            assert (await one.closed())[0] == 1013
        gate.set()


async def test_a_client_that_goes_ends_its_verifier() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def hang(token: str) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return token

    with serving_backend(WebSocketBroadcastBackend(), verify_token=hang) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            assert await asyncio.to_thread(begun.wait, 20)
            one.cut()
        assert await asyncio.to_thread(ended.wait, 20)


# -- what is declared


class Unreadable:
    async def __call__(self) -> str:
        return "ann"


def two(token: str, secret: str) -> str:
    return token


def yielding(token: str) -> Iterator[str]:
    yield token


@pytest.mark.parametrize("verify_token", ["ann", two, Unreadable(), yielding, lambda: "ann"])
def test_what_cannot_be_called_with_a_token_is_refused_by_name(verify_token: Any) -> None:
    with pytest.raises(TypeError, match=r"^verify_token"):
        WebSocketBroadcastBackend().get_router(verify_token=verify_token)


@pytest.mark.parametrize(
    "expires_at", ["tomorrow", "1700000000", True, datetime(2100, 1, 1), float("nan"), float("inf"), timedelta(1)]
)
def test_an_expiry_that_cannot_be_read_is_refused(expires_at: Any) -> None:
    with pytest.raises(ValueError, match=r"^expires_at has to be"):
        Identity("ann", expires_at)


async def test_nobody_is_let_in_with_an_expiry_that_cannot_be_read() -> None:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend, verify_token=lambda token: Identity(token, cast(Any, "tomorrow"))) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            assert (await one.closed())[0] == 1013
        assert backend.get_subscriber_count("news") == 0


# -- in their order


async def test_frames_behind_the_token_wait_for_it() -> None:
    with serving_backend(WebSocketBroadcastBackend(), verify_token=verify_async) as server:
        async with client(server.url) as one:
            for id, frame in enumerate([{"ping": 1}, {"auth": "ann"}, {"subscribe": ["orders"]}, {"ping": 2}]):
                await one.send({**frame, "id": id})
            answers = await one.take(4)
            assert [answer["id"] for answer in answers] == [0, 1, 2, 3]
            assert [(set(answer) & {"error", "authenticated", "subscribed", "pong"}).pop() for answer in answers] == [
                "error",
                "authenticated",
                "subscribed",
                "pong",
            ]


async def test_channels_for_everyone_are_for_those_who_have_proven_who_they_are() -> None:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend, verify_token=verify) as server:
        async with client(server.url) as one:
            assert (await refusal(one, {"ping": 1}))[0] == "unauthenticated"
            await backend.broadcast("news", "before", {})
            assert backend.get_subscriber_count("news") == 0
            await one.ask({"auth": "ann"})
            assert backend.get_subscriber_count("news") == 1
            await backend.broadcast("news", "after", {})
            assert (await one.event())["event"] == "after"
            await one.ask({"auth": "ann"})
            assert backend.get_subscriber_count("news") == 1
            await one.nothing_more()


@pytest.mark.parametrize("authenticate", [None, lambda: "ann"])
async def test_where_no_token_is_asked_for_it_is_confirmed(authenticate: Any) -> None:
    with serving_backend(backend_with_me(), authenticate=authenticate) as server:
        async with client(server.url) as one:
            assert (await one.ask({"auth": "whatever"}))["authenticated"] is True
            assert await user(one) == (authenticate and "ann")
            assert (await refusal(one, {"auth": 7}))[0] == "invalid_message"


# -- renewal


async def test_renewal_replaces_the_expiry(wall: Wall) -> None:
    def authenticate() -> Identity:
        return Identity("ann", end)

    end = wall.now + 60
    with serving_backend(backend_with_me(), authenticate=authenticate, verify_token=verify) as server:
        async with client(server.url) as renewed, client(server.url) as refused:
            assert await user(renewed) == "ann"
            assert (await renewed.ask({"auth": "ann"}))["authenticated"] is True
            assert await refusal(refused, {"auth": "bad"}) == ("unauthenticated", "this token is bad")
            assert await user(refused) == "ann"
            wall.now = end
            assert (await refused.closed())[0] == 4401
            assert await user(renewed) == "ann"


async def test_a_renewal_can_bring_the_end_nearer() -> None:
    with serving_backend(
        WebSocketBroadcastBackend(),
        authenticate=lambda: Identity("ann", time.time() + 3600),
        verify_token=lambda token: Identity(token, time.time() + 2),
    ) as server:
        async with client(server.url) as one:
            await one.send({"auth": "ann"})
            assert (await one.closed())[0] == 4401


async def test_renewal_asks_again_for_every_channel_held() -> None:
    backend = WebSocketBroadcastBackend()

    rooms_of_ann = {"ann", "ann-bob"}

    def allow(connection: Any, name: str) -> None:
        if name not in rooms_of_ann:
            raise Forbidden(f"not for {connection.user}")

    rooms = Watched(backend, authorize=allow)
    with serving_backend(backend, authenticate=lambda: "ann", verify_token=verify) as server:
        async with client(server.url) as one:
            await one.subscribe("room:ann", "room:ann-bob", "orders")
            rooms_of_ann.remove("ann")
            await one.send({"auth": "ann", "id": 50})
            error = {"code": "forbidden", "message": "not for ann", "channel": "room:ann"}
            assert await one.take(2) == [{"id": 50, "error": error}, {"id": 50, "authenticated": True}]
            await server.acall(lambda: rooms.until("left ann"))
            assert sorted(backend.get_all_channels()) == ["orders", "room:ann-bob"]
            for channel in ("room:ann", "room:ann-bob"):
                await backend.broadcast(channel, "moved", {})
            assert (await one.event())["channel"] == "room:ann-bob"
            await one.nothing_more()
    assert rooms.calls.count("left ann") == rooms.calls.count("left ann-bob") == 1
    assert rooms.calls.count("authorize ann-bob") == 2
