"""Two instances over one Redis, behind a real load balancer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from pattern_stack import BroadcastBackend, BroadcastUnavailable, Event, Subscription
from pattern_stack.atoms.broadcast.base import Handler
from tests.contract.drill import Journal
from tests.support.balancer import Balancer
from tests.support.instances import Instance, instances
from tests.support.patience import PATIENCE
from tests.support.redis.server import RedisServer


class Posting(BroadcastBackend):
    """Publishes over HTTP, through the balancer. Without an answer the event may have been published or not."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url = f"{url}/test/broadcast"
        self._http = http

    async def broadcast(
        self, channel: str, event_type: str, payload: Mapping[str, Any], *, origin: str | None = None
    ) -> Event:
        body = {"channel": channel, "event": event_type, "payload": dict(payload)}
        try:
            answer = await self._http.post(self._url, json=body)
        except httpx2.HTTPError as error:
            raise BroadcastUnavailable(str(error)) from error
        if answer.status_code >= 500:
            raise BroadcastUnavailable(answer.text)
        position = answer.json()
        return Event(channel, b"", position["epoch"], position["offset"])

    async def subscribe(self, channel: str, handler: Handler) -> Subscription:
        raise NotImplementedError

    async def close(self) -> None: ...


class Site(Journal):
    def __init__(self, balancer: Balancer, each: list[Instance], posting: Posting) -> None:
        super().__init__()
        self.balancer = balancer
        self.instances = each
        self.posting = posting

    async def post(self, count: int) -> None:
        """Publish so many events, by four publishers at a time."""
        await asyncio.gather(*(self.publish(self.posting, count // 4) for _ in range(4)))


@asynccontextmanager
async def site(redis: RedisServer) -> AsyncIterator[Site]:
    with (
        instances(2, BROADCAST_URL=redis.url) as each,
        Balancer([one.port for one in each]) as balancer,
    ):
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            one = Site(balancer, each, Posting(balancer.http, http))
            try:
                await one.follow(*[balancer.url] * 10)
                yield one
            finally:
                await one.end()


async def test_clients_of_both_instances_get_the_same_order(redis_server: RedisServer) -> None:
    async with site(redis_server) as one:
        connected = [await asyncio.to_thread(each.stats) for each in one.instances]
        assert [stats["connections"] for stats in connected] == [5, 5]
        await one.post(400)
        await one.finish(one.posting)
        assert not one.log.raised
        assert {follower.connections for follower in one.followers} == {1}


async def test_clients_of_a_killed_instance_recover_on_the_other(redis_server: RedisServer) -> None:
    async with site(redis_server) as one:
        publishing = asyncio.create_task(one.post(400))
        while len(one.log.published) < 50:  # noqa: ASYNC110 - kill it while events are published
            await asyncio.sleep(0.005)
        await asyncio.to_thread(one.instances[0].kill)
        await publishing
        await one.finish(one.posting)
        assert sorted(follower.connections > 1 for follower in one.followers) == [False] * 5 + [True] * 5
        assert not any(follower.reader.resets for follower in one.followers)
        assert (await asyncio.to_thread(one.instances[1].stats))["connections"] == 10


async def test_clients_get_a_reset_when_redis_comes_back_empty(redis_server: RedisServer) -> None:
    async with site(redis_server) as one:
        await one.post(20)
        redis_server.kill()
        await asyncio.to_thread(one.balancer.until_serving)
        redis_server.start()
        await asyncio.to_thread(one.balancer.until_serving, *(each.port for each in one.instances))
        await one.post(20)
        await one.finish(one.posting)
        assert all(follower.reader.resets for follower in one.followers)
        assert {follower.connections for follower in one.followers} == {1}


async def test_the_checker_finds_a_lost_event(redis_server: RedisServer) -> None:
    """The checks above can fail: one event is removed from what a client got."""
    async with site(redis_server) as one:
        await one.post(20)
        one.followers[0].reader.got.popitem()
        with pytest.raises(AssertionError, match="lost"):
            await one.finish(one.posting)
