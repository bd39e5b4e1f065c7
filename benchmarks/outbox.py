"""make bench, of the outbox: transactions a second with it and without it, events a second of one relay, and the time from a
commit to its delivery. SQLite in a file (WAL), and PostgreSQL with fsync.

`with` is a Session that adds an order and an event, in a process that serves the relay; `without` adds the order alone.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.outbox import Outbox
from tests.support.postgres import PostgresServer


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(default="tea")


class Bench:
    def __init__(self, engine: Engine, threads: int) -> None:
        self.engine = engine
        self.broadcast = WebSocketBroadcastBackend()
        self.outbox = Outbox(self.broadcast, engine)
        self.app = FastAPI()
        self.app.include_router(self.broadcast.get_router())
        self.app.include_router(self.outbox.get_router())
        self.threads = threads
        self.delivered = 0
        self.latencies: list[float] = []

    async def take(self, _: str, payload: dict[str, Any]) -> None:
        self.delivered += 1
        if at := payload.get("at"):
            self.latencies.append(time.perf_counter() - at)

    def transaction(self, tell: bool) -> None:
        with Session(self.engine) as session, session.begin():
            session.add(Order())
            if tell:
                self.outbox.broadcast(session, "orders", "created", {"entity_id": 1})

    async def rate(self, count: int, tell: bool) -> float:
        """Transactions a second, from threads."""
        loop, start = asyncio.get_running_loop(), time.perf_counter()
        with ThreadPoolExecutor(self.threads) as pool:
            await asyncio.gather(*(loop.run_in_executor(pool, self.transaction, tell) for _ in range(count)))
        return count / (time.perf_counter() - start)

    async def latency(self, count: int) -> float:
        """The median from a commit to its delivery, in ms."""
        for _ in range(count):
            with Session(self.engine) as session:
                self.outbox.broadcast(session, "orders", "created", {"at": time.perf_counter()})
                session.commit()
            seen = len(self.latencies)
            while len(self.latencies) == seen:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return statistics.median(self.latencies) * 1000

    def fill(self, count: int) -> None:
        with Session(self.engine) as session, session.begin():
            for _ in range(count):
                self.outbox.broadcast(session, "orders", "created", {"entity_id": 1})


async def measure(engine: Engine, count: int, threads: int) -> str:
    bench = Bench(engine, threads)
    Base.metadata.create_all(engine)
    await bench.outbox.create()
    bench.fill(count)
    start = time.perf_counter()
    async with bench.app.router.lifespan_context(bench.app):
        await bench.broadcast.subscribe("orders", bench.take)
        while await bench.outbox.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        relay = count / (time.perf_counter() - start)
        await bench.rate(count // 10, True)
        rounds = [(await bench.rate(count // 4, False), await bench.rate(count // 4, True)) for _ in range(4)]
        while await bench.outbox.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        median = await bench.latency(50)
    without, with_it = (statistics.median(side) for side in zip(*rounds, strict=True))
    engine.dispose()
    return f"{engine.dialect.name:>12}  {without:8.0f}  {with_it:8.0f}  {with_it / without:6.2f}  {relay:10.0f}  {median:9.1f}"


@contextmanager
def engines() -> Iterator[list[Engine]]:
    with (
        tempfile.TemporaryDirectory() as directory,
        PostgresServer(fsync="on", full_page_writes="on", shared_buffers="128MB") as server,
    ):
        sqlite = create_engine(f"sqlite:///{directory}/app.db", connect_args={"timeout": 60})

        @event.listens_for(sqlite, "connect")
        def with_readers(connection: Any, _: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")

        yield [sqlite, create_engine(server.sqlalchemy_url, pool_size=20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4_000, help="transactions of each kind")
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    print(f"{'':>12}  {'without':>8}  {'with':>8}  {'ratio':>6}  {'relay ev/s':>10}  {'median ms':>9}", flush=True)
    with engines() as found:
        for engine in found:
            print(asyncio.run(measure(engine, options.count, options.threads)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
