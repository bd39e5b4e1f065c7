"""A promoted replica that lacks the last writes begins another order, and says so."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.contract.drill import CHANNEL, Instance, drill
from tests.support.postgres import PostgresServer, Replica


@pytest.fixture
def replica(postgres_server: PostgresServer) -> Iterator[Replica]:
    with Replica(postgres_server) as one:
        yield one


async def test_the_epoch_is_fenced(postgres_server: PostgresServer, replica: Replica) -> None:
    async with drill(postgres_server, past_the_line=False) as one:
        await asyncio.to_thread(replica.catch_up)
        await asyncio.to_thread(replica.detach)
        await one.publish_everywhere(7)
        before = await one.outside.position(CHANNEL)
        publishing = asyncio.create_task(one.publish_everywhere(20))
        await asyncio.to_thread(postgres_server.kill)
        one.line.target = replica.port
        await asyncio.to_thread(replica.promote)
        await publishing
        await one.conclude()
        assert one.resets
        assert (await one.outside.position(CHANNEL)).epoch != before.epoch


async def test_a_replica_is_waited_for_and_so_is_one_that_starts_up(postgres_server: PostgresServer) -> None:
    for open in (True, False):
        with Replica(postgres_server, open=open) as replica:
            async with Instance(replica.url) as one:
                await one.until_ready_says(503)
                await asyncio.to_thread(replica.promote)
                await one.until_ready_says(200)
                await one.backend.broadcast(CHANNEL, "e", {})
