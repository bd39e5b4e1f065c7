"""Who is on a channel of several instances, and that nobody haunts it whose instance is dead."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.broadcast.bridge import presence
from tests.contract.conftest import Make
from tests.support.client import Client, Message, client
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving_backend, until
from tests.support.watched import Watched

pytestmark = pytest.mark.redis

ROOM = "room:7"


def over(url: str) -> WebSocketBroadcastBackend:
    return WebSocketBroadcastBackend(bridge=RedisBroadcastBackend(url))


def by_name(name: str) -> str:
    return name


@pytest.fixture
def running(redis_server: RedisServer) -> Iterator[Any]:
    """Serves a backend until the test ends, or until `stop`: what stops without its store waits for it."""
    with ExitStack() as stack:

        async def run(backend: WebSocketBroadcastBackend) -> Server:
            Watched(backend, presence=True)
            return await asyncio.to_thread(stack.enter_context, serving_backend(backend, authenticate=by_name))

        run.stop = lambda: asyncio.to_thread(stack.close)
        yield run


async def users(one: Client) -> list[Any]:
    found = (await one.ask({"presence": [ROOM]}))["presence"][ROOM]
    assert found["count"] == len(found["members"])
    return [member["user"] for member in found["members"]]


def told(event: Message) -> tuple[str, Any, int]:
    return event["event"], event["payload"]["user"], event["payload"]["count"]


async def test_instances_see_each_others_members(make_instance: Make, running: Any) -> None:
    here, there = await running(make_instance()), await running(make_instance())
    async with client(f"{here.url}?name=ann") as ann:
        await ann.subscribe(ROOM)
        await ann.nothing_more()
        async with client(f"{there.url}?name=bob") as bob:
            await bob.subscribe(ROOM)
            await bob.nothing_more()
            assert told(await ann.event()) == ("presence-joined", "bob", 2)
            assert await users(ann) == await users(bob) == ["ann", "bob"]
        assert told(await ann.event()) == ("presence-left", "bob", 1)
        assert await users(ann) == ["ann"]


async def test_who_was_on_an_instance_that_was_cut_off_is_gone_and_comes_back(
    running: Any, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "RENEW_SECONDS", 0.2)
    async with proxy(redis_server.port) as line:
        here = await running(over(redis_server.url))
        there = await running(over(f"redis://127.0.0.1:{line.port}/0"))
        async with client(f"{here.url}?name=ann") as ann, client(f"{there.url}?name=bob") as bob:
            await ann.subscribe(ROOM)
            await bob.subscribe(ROOM)
            assert told(await ann.event()) == ("presence-joined", "bob", 2)
            line.swallow()
            leases = f"pattern_stack:{{{ROOM}}}:leases"
            for instance in redis_server.command("ZRANGE", leases, 0, -1):
                redis_server.command("ZADD", leases, 0, instance)  # run out now; whoever lives renews its own
            assert told(await ann.event()) == ("presence-left", "bob", 1)
            assert await users(ann) == ["ann"]
            await line.restore()
            assert told(await ann.event()) == ("presence-joined", "bob", 2)
            assert await users(ann) == ["ann", "bob"]
        await running.stop()


async def test_who_left_while_the_store_was_away_is_taken_off_later(
    running: Any, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "RENEW_SECONDS", 0.2)
    async with proxy(redis_server.port) as line:
        backend = over(f"redis://127.0.0.1:{line.port}/0")
        here, there = await running(over(redis_server.url)), await running(backend)
        async with client(f"{here.url}?name=ann") as ann, client(f"{there.url}?name=bob") as bob:
            await ann.subscribe(ROOM)
            await bob.subscribe(ROOM)
            assert told(await ann.event()) == ("presence-joined", "bob", 2)
            line.refuse()
            line.cut()
            await until(there, lambda: backend.trouble is not None)
            bob.cut()
            await until(there, lambda: not backend._instance.connections.open)
            await line.restore()
            event, _, count = told(await ann.event())
            assert (event, count) == ("presence-left", 1)
            assert await users(ann) == ["ann"]
        await running.stop()


async def test_a_store_that_forgot_is_told_again(
    running: Any, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "RENEW_SECONDS", 0.2)
    server = await running(over(redis_server.url))
    async with client(f"{server.url}?name=ann") as ann:
        await ann.subscribe(ROOM)
        redis_server.restart()
        await ann.until(lambda message: "reset" in message)  # presence is renewed before or after it
        assert told(await ann.event()) == ("presence-joined", "ann", 1)
        assert await users(ann) == ["ann"]
