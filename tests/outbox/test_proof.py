"""Two instances write from threads and tasks and are killed in the midst of it: delivered = committed, once, in order."""

import asyncio
import itertools
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select

from pattern_stack import WebSocketBroadcastBackend, broadcast_from_url
from pattern_stack.outbox import Outbox
from tests.outbox.world import Base, Order, holds
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.process import Process
from tests.support.redis.server import RedisServer

KEPT = 1_000_000


class Proof:
    """`delivered`: the numbers in the order that a subscriber got them."""

    def __init__(self, database_url: str, broadcast_url: str, *options: str) -> None:
        self.engine: Engine = create_engine(database_url)
        self.broadcast: WebSocketBroadcastBackend = broadcast_from_url(broadcast_url)
        self.outbox = Outbox(self.broadcast, self.engine)
        self.delivered: list[int] = []
        self.logs: list[str] = []
        self._command = [sys.executable, "-m", "tests.outbox.writer", database_url, broadcast_url]
        self._options = options
        self._firsts = itertools.count(0, KEPT)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        Base.metadata.create_all(self.engine)
        await self.outbox.create()
        async with self.broadcast:
            await self.broadcast.subscribe("orders", self._take)
            yield
        self.engine.dispose()

    async def _take(self, _: str, payload: dict[str, Any]) -> None:
        self.delivered.append(payload["n"])

    def start(self, count: int) -> Process:
        return Process([*self._command, str(next(self._firsts)), str(count), *self._options], ready="started")

    def kill(self, process: Process) -> None:
        self.logs.append(process.log())
        process.end()

    def kill_in_the_midst(self, process: Process) -> None:
        many = random.randint(5, 25)
        eventually(lambda: process.log().count("committed") > many)
        self.kill(process)

    def finish(self, *processes: Process) -> None:
        """Let them write what they have to, and end them while their relays may still work."""
        try:
            for process in processes:
                eventually(lambda process=process: "done" in process.log(), "it is not done", 10 * PATIENCE)  # type: ignore[misc]
        finally:
            for process in processes:
                self.kill(process)

    async def drain(self) -> None:
        """A last instance publishes what is left, and a marker shows that all of it has come."""
        last = await asyncio.to_thread(self.start, 0)
        async with asyncio.timeout(PATIENCE):
            while await self.outbox.waiting():  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.01)
        await asyncio.to_thread(last.end)
        await self.broadcast.broadcast("orders", "marker", {"n": -1})
        await holds(lambda: self.delivered[-1:] == [-1])
        self.delivered.pop()

    def committed(self) -> set[int]:
        with self.engine.connect() as connection:
            return set(connection.scalars(select(Order.id)))

    def transactions(self) -> list[tuple[list[int], int, int]]:
        """Those whose commit has returned: their numbers, and when they began and ended."""
        lines = re.findall(r"committed ([\d,]*) (\d+) (\d+)\n", "".join(self.logs))
        return [([int(n) for n in numbers.split(",") if n], int(begun), int(ended)) for numbers, begun, ended in lines]


def disorder(delivered: list[int], transactions: list[tuple[list[int], int, int]]) -> list[str]:
    """Each event that came although one of a transaction that had ended before its own began came later."""
    place = {n: at for at, n in enumerate(delivered)}
    ended = sorted((end, max(map(place.__getitem__, numbers), default=-1)) for numbers, _, end in transactions)
    found, latest, done = [], -1, 0
    for numbers, begun, _ in sorted(transactions, key=lambda one: one[1]):
        while done < len(ended) and ended[done][0] < begun:
            latest = max(latest, ended[done][1])
            done += 1
        found += [f"{n} came at {place[n]}, before {latest}" for n in numbers if place[n] < latest]
    return found


def judge(proof: Proof) -> None:
    committed = proof.committed()
    assert len(proof.delivered) == len(set(proof.delivered)), "some came twice"
    assert set(proof.delivered) == committed
    transactions = proof.transactions()
    assert {n for numbers, _, _ in transactions for n in numbers} <= committed
    assert disorder(proof.delivered, transactions) == []


async def run(proof: Proof, count: int, kills: int) -> None:
    async with proof.listening():
        steady = await asyncio.to_thread(proof.start, count)
        for _ in range(kills):
            await asyncio.to_thread(proof.kill_in_the_midst, await asyncio.to_thread(proof.start, count))
        await asyncio.to_thread(proof.finish, steady)
        await proof.drain()
        judge(proof)


async def test_delivered_is_committed_once_and_in_order(sync_url: str, redis_server: RedisServer) -> None:
    proof = Proof(sync_url, redis_server.url)
    await run(proof, 150, 2)
    assert len(proof.delivered) > 150


@pytest.mark.soak
async def test_twenty_thousand_transactions(sync_url: str, redis_server: RedisServer) -> None:
    await run(Proof(sync_url, redis_server.url), 18_000, 80)


@pytest.mark.soak
async def test_twenty_thousand_transactions_while_postgresql_is_killed(
    postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    proof = Proof(postgres_server.sqlalchemy_url, redis_server.url)
    async with proof.listening():
        writers = [await asyncio.to_thread(proof.start, 10_000) for _ in range(2)]
        for _ in range(10):
            seen = len(proof.delivered)
            await holds(lambda seen=seen: len(proof.delivered) > seen + 500)  # type: ignore[misc]
            await asyncio.to_thread(postgres_server.restart)  # killed, and started again
        await asyncio.to_thread(proof.finish, *writers)
        proof.engine.dispose()
        await proof.drain()
        judge(proof)
        assert len(proof.delivered) > 10_000


async def test_publishing_after_the_commit_loses_events(postgres_url: str, redis_server: RedisServer) -> None:
    """The control: the same kills show what a crash takes with it."""
    proof = Proof(postgres_url, redis_server.url, "naive")
    async with proof.listening():
        for _ in range(20):
            await asyncio.to_thread(proof.kill_in_the_midst, await asyncio.to_thread(proof.start, 1_000))
            await proof.broadcast.broadcast("orders", "marker", {"n": -1})
            await holds(lambda: proof.delivered[-1:] == [-1])
            if proof.committed() - set(proof.delivered):
                return
    raise AssertionError("no kill fell between a commit and its event: the test above shows nothing")


@pytest.mark.parametrize(
    ("delivered", "transactions", "found"),
    [
        ([1, 2], [([1], 0, 1), ([2], 2, 3)], 0),
        ([2, 1], [([1], 0, 1), ([2], 2, 3)], 1),
        ([2, 1], [([1], 0, 3), ([2], 2, 4)], 0),
        ([3, 1, 2], [([1], 0, 1), ([2], 0, 9), ([3], 2, 3)], 1),
    ],
)
def test_disorder_is_found(delivered: list[int], transactions: Any, found: int) -> None:
    assert len(disorder(delivered, transactions)) == found
