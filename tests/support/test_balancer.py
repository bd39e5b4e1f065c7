"""Instances behind the load balancer, each with a memory of its own: who gets which connections."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.app import create_app
from tests.support import server
from tests.support.balancer import Balancer
from tests.support.client import Client, client
from tests.support.instances import Instance, instances


@asynccontextmanager
async def crowd(balancer: Balancer, count: int) -> AsyncIterator[list[Client]]:
    """Connected through it, one after the other."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(balancer.url)) for _ in range(count)]


async def ends_of(count: int, clients: list[Client]) -> set[int]:
    """The codes that the first so many of them are closed with."""
    closing = [asyncio.create_task(one.closed()) for one in clients]
    codes = {(await end)[0] for end in itertools.islice(asyncio.as_completed(closing), count)}
    for task in closing:
        task.cancel()
    return codes


def connections(*each: Instance) -> list[int]:
    return [one.stats()["connections"] for one in each]


async def test_connections_go_to_all_in_turn_and_speak_both_ways() -> None:
    with instances(2) as (one, two), Balancer([one.port, two.port]) as balancer:
        async with crowd(balancer, 10) as clients:
            assert await asyncio.to_thread(connections, one, two) == [5, 5]
            for each in clients:
                await each.subscribe("orders")
                await each.nothing_more()


async def test_who_is_killed_gets_no_more_and_who_is_back_does() -> None:
    with instances(2) as (one, two), Balancer([one.port, two.port]) as balancer:
        async with crowd(balancer, 10) as clients:
            await asyncio.to_thread(one.kill)
            assert await ends_of(5, clients) == {1006}
            async with crowd(balancer, 4):  # at once, before the balancer has asked again
                assert connections(two) == [9]
            await asyncio.to_thread(balancer.until_serving, two.port)
            await asyncio.to_thread(one.start)
            await asyncio.to_thread(balancer.until_serving, one.port, two.port)
            async with crowd(balancer, 6):
                assert connections(one) == [3]


async def test_who_is_not_ready_gets_no_new_connection() -> None:
    app = create_app()
    backend: WebSocketBroadcastBackend = app.state.broadcast
    with instances(1) as (one,), server.serving(app) as leaving, Balancer([one.port, leaving.port]) as balancer:
        assert balancer.serving() == {one.port, leaving.port}
        await leaving.acall(backend.close)
        await asyncio.to_thread(balancer.until_serving, one.port)
        async with crowd(balancer, 4):
            assert connections(one) == [4]


async def test_without_an_instance_it_says_503_itself() -> None:
    with instances(1) as (one,), Balancer([one.port]) as balancer:
        await asyncio.to_thread(one.kill)
        await asyncio.to_thread(balancer.until_serving)
        with pytest.raises(Exception, match="503"):
            async with crowd(balancer, 1):
                pass


async def test_who_is_spared_gets_no_more_and_keeps_what_it_has() -> None:
    with instances(2) as (one, two), Balancer([one.port, two.port]) as balancer:
        async with crowd(balancer, 4) as clients:
            balancer.spare(one.port)
            async with crowd(balancer, 4):
                assert await asyncio.to_thread(connections, one, two) == [2, 6]
            for each in clients:
                await each.nothing_more()
            balancer.use(one.port)
            balancer.spare(two.port)
            async with crowd(balancer, 1):
                assert await asyncio.to_thread(connections, one) == [3]
