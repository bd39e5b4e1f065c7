"""Revocation acts on every instance: one that was cut off carries it out when it is back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pattern_stack import BroadcastUnavailable, Channel, Forbidden, Identity, WebSocketBroadcastBackend
from tests.contract.conftest import ON_REDIS, Make
from tests.support.client import client
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving_backend

pytestmark = pytest.mark.redis


def by_name(name: str = "ann") -> str:
    return name


@pytest.fixture
def pair(make_instance: Make) -> Iterator[Any]:
    """Two instances of one application, and where they answer."""
    here, there = make_instance(), make_instance()
    with (
        serving_backend(here, authenticate=by_name) as one,
        serving_backend(there, authenticate=by_name) as two,
    ):
        yield here, there, one, two


async def test_a_user_is_disconnected_on_every_instance_before_the_call_returns(pair: Any) -> None:
    here, there, one, two = pair
    async with (
        client(one.url) as ann,
        client(two.url) as ann_there,
        client(f"{two.url}?name=bob") as bob,
    ):
        for each in (ann, ann_there, bob):
            await each.subscribe("orders")
        await here.disconnect("ann")
        assert users(there) == ["bob"], "the other instance has done it already"
        assert (await ann.closed())[0] == (await ann_there.closed())[0] == 4403
        await here.broadcast("orders", "still", {})
        assert (await bob.event())["event"] == "still"
        async with client(two.url) as later:
            await later.subscribe("orders")
            await later.nothing_more()


def users(backend: WebSocketBroadcastBackend) -> list[str]:
    return [one.user for one in backend._instance.connections.open]


async def test_a_user_is_taken_off_a_channel_everywhere(pair: Any) -> None:
    here, _, one, two = pair
    async with client(one.url) as ann, client(two.url) as ann_there, client(f"{two.url}?name=bob") as bob:
        for each in (ann, ann_there, bob):
            await each.subscribe("orders", "other")
        await here.unsubscribe("ann", "orders")
        for each in (ann, ann_there):
            error, told = await each.take(2)
            assert (error["error"]["code"], error["error"]["channel"]) == ("forbidden", "orders")
            assert told == {"unsubscribed": ["orders"]}
        await here.broadcast("orders", "secret", {})
        await here.broadcast("other", "open", {})
        assert (await bob.event())["event"] == "secret"
        for each in (ann, ann_there):
            assert (await each.event())["event"] == "open"


async def test_a_channel_ends_everywhere(pair: Any) -> None:
    here, _, one, two = pair
    async with client(one.url) as ann, client(two.url) as bob:
        for each in (ann, bob):
            await each.subscribe("orders")
        await here.broadcast("orders", "last", {})
        await here.end("orders")
        for each in (ann, bob):
            assert (await each.event())["event"] == "last"
            assert await each.receive() == {"unsubscribed": ["orders"]}


async def test_a_channel_ends_after_what_was_published_before_and_is_late(pair: Any) -> None:
    here, there, one, two = pair
    async with client(one.url) as ann, client(two.url) as bob:
        for each in (ann, bob):
            await each.subscribe("orders")
        for backend in (here, there):
            drop_arrivals(backend, "orders")
        await here.broadcast("orders", "last", {})
        await here.end("orders")
        for each in (ann, bob):
            assert (await each.event())["event"] == "last"
            assert await each.receive() == {"unsubscribed": ["orders"]}


def drop_arrivals(backend: WebSocketBroadcastBackend, channel: str) -> None:
    store = backend._instance.link._store
    arrived = store.arrived
    store.arrived = lambda where, arrival: None if where == channel else arrived(where, arrival)


@asynccontextmanager
async def served(backend: WebSocketBroadcastBackend) -> AsyncIterator[Server]:
    """Started in a thread: the line to its Redis is on this loop."""
    serving = serving_backend(backend, authenticate=by_name)
    server = await asyncio.to_thread(serving.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)


@ON_REDIS
async def test_an_instance_that_was_cut_off_carries_it_out_when_it_is_back(
    make_instance: Make, redis_server: RedisServer
) -> None:
    async with proxy(redis_server.port) as line:
        here = make_instance(url=redis_server.url)
        there = make_instance(url=redis_server.url.replace(f":{redis_server.port}/", f":{line.port}/"))
        async with served(there) as two, client(two.url) as ann, client(f"{two.url}?name=bob") as bob:
            for each in (ann, bob):
                await each.subscribe("orders")
            line.hold()
            async with here:
                await here.disconnect("ann")
                await line.restore()
                assert (await ann.closed())[0] == 4403
                await bob.nothing_more()


@ON_REDIS
async def test_where_the_record_is_lost_every_right_is_asked_for_again(
    make_instance: Make, redis_server: RedisServer
) -> None:
    allowed = {"ann", "bob"}

    def guarded(backend: WebSocketBroadcastBackend) -> WebSocketBroadcastBackend:
        @backend.channel("orders")
        class Orders(Channel):
            async def authorize(self, connection: Any) -> None:
                if connection.user not in allowed:
                    raise Forbidden("not for you")

        return backend

    there = guarded(make_instance(url=redis_server.url))
    with serving_backend(there, authenticate=by_name) as two:
        async with client(two.url) as ann, client(f"{two.url}?name=bob") as bob:
            for each in (ann, bob):
                await each.subscribe("orders")
            allowed.remove("ann")
            await asyncio.to_thread(redis_server.restart)  # empty
            while "error" not in (message := await ann.receive()):
                assert "reset" in message
            assert (message["error"]["code"], message["error"]["channel"]) == ("forbidden", "orders")
            assert "reset" in await bob.receive()
            await bob.nothing_more()


@ON_REDIS
async def test_what_cannot_be_passed_on_is_done_here_and_raises(make_instance: Make, redis_server: RedisServer) -> None:
    here = make_instance(url=redis_server.url)
    with serving_backend(here, authenticate=by_name) as one:
        async with client(one.url) as ann:
            await ann.subscribe("orders")
            await asyncio.to_thread(redis_server.kill)
            with pytest.raises(BroadcastUnavailable):
                await here.disconnect("ann")
            assert (await ann.closed())[0] == 4403
            await asyncio.to_thread(redis_server.start)


async def test_a_user_that_other_instances_cannot_know_is_refused(make_instance: Make) -> None:
    here = make_instance()
    with pytest.raises(ValueError, match="no key"):
        await here.disconnect({"name": "ann"})
    with pytest.raises(ValueError, match="not a code"):
        await here.disconnect(Identity({"name": "ann"}, key="ann"), code=1005)
    await here.close()


async def test_no_client_can_name_the_channel_of_the_instances(pair: Any) -> None:
    _, _, one, _ = pair
    async with client(one.url) as ann:
        await ann.send({"subscribe": ["!control"], "id": 1})
        error, reply = await ann.take(2)
        assert error["error"]["code"] == "invalid_channel"
        assert reply == {"id": 1, "subscribed": {}}
