"""An application that writes orders, from threads and tasks, until it is killed or done:
python -m tests.outbox.writer DATABASE_URL BROADCAST_URL FIRST COUNT [naive].

COUNT transactions write orders from the number FIRST on, with an event for each; some have savepoints, some are rolled back.
`committed NUMBERS BEGUN ENDED` is printed once a commit has returned, with the clock before the transaction and after it.
`naive`: published after the commit, as one should not."""

import asyncio
import itertools
import os
import random
import sys
import time
from collections.abc import Callable, Iterator

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from pattern_stack import WebSocketBroadcastBackend, broadcast_from_url
from pattern_stack.outbox import Outbox
from tests.outbox.world import Order, engine_of

THREADS, TASKS = 3, 3
EVENTS = 4
"""Numbers that a transaction has; it uses some of them."""

Tell = Callable[[Session, int], None]


def write(session: Session, tell: Tell, first: int) -> list[int]:
    """A transaction but for its end. The numbers that its commit would make true."""
    kept = []
    for n in range(first, first + random.randint(1, EVENTS)):
        nested = session.begin_nested() if random.random() < 0.3 else None
        session.add(Order(id=n))
        tell(session, n)
        if nested and random.random() < 0.5:
            nested.rollback()
            continue
        if nested:
            nested.commit()
        kept.append(n)
    return kept


def say(kept: list[int], begun: int) -> None:
    line = f"committed {','.join(map(str, kept))} {begun} {time.monotonic_ns()}\n"
    os.write(sys.stdout.fileno(), line.encode())


class Writer:
    def __init__(self, broadcast: WebSocketBroadcastBackend, engine: Engine, async_engine: AsyncEngine) -> None:
        self.broadcast = broadcast
        self.engine = engine
        self.async_engine = async_engine
        self.outbox = Outbox(broadcast, async_engine)

    def tell(self, session: Session, n: int) -> None:
        self.outbox.broadcast(session, "orders", "created", {"n": n})

    def after_commit(self, kept: list[int]) -> None:
        """In a thread."""

    def thread(self, firsts: Iterator[int]) -> None:
        for first in firsts:
            begun = time.monotonic_ns()
            try:
                with Session(self.engine) as session:
                    kept = write(session, self.tell, first)
                    if random.random() < 0.3:
                        session.rollback()
                        continue
                    session.commit()
            except DBAPIError:  # it may be committed, or not
                time.sleep(0.1)
                continue
            say(kept, begun)
            self.after_commit(kept)

    async def task(self, firsts: Iterator[int]) -> None:
        for first in firsts:
            begun = time.monotonic_ns()
            try:
                async with AsyncSession(self.async_engine) as session:
                    kept = await session.run_sync(write, self.tell, first)
                    if random.random() < 0.3:
                        await session.rollback()
                        continue
                    await session.commit()
            except (DBAPIError, OSError):
                await asyncio.sleep(0.1)
                continue
            say(kept, begun)
            await asyncio.to_thread(self.after_commit, kept)


class NaiveWriter(Writer):
    def tell(self, session: Session, n: int) -> None:
        pass

    def after_commit(self, kept: list[int]) -> None:
        for n in kept:
            self.broadcast.broadcast_sync("orders", "created", {"n": n})


async def main(database_url: str, broadcast_url: str, first: int, count: int, naive: bool) -> None:
    patience = {"connect_args": {"timeout": 60}} if database_url.startswith("sqlite") else {}
    engine = engine_of(database_url, **patience)
    async_engine = engine_of(database_url.replace("sqlite:", "sqlite+aiosqlite:") + "?async", **patience)
    assert isinstance(engine, Engine)
    assert isinstance(async_engine, AsyncEngine)
    broadcast = broadcast_from_url(broadcast_url)
    writer = (NaiveWriter if naive else Writer)(broadcast, engine, async_engine)
    app = FastAPI()
    app.include_router(broadcast.get_router())
    app.include_router(writer.outbox.get_router())
    numbers = itertools.islice(itertools.count(first, EVENTS), count)
    async with app.router.lifespan_context(app):
        print("started", flush=True)  # noqa: T201 - the test reads it
        threads = [asyncio.to_thread(writer.thread, numbers) for _ in range(THREADS)]
        await asyncio.gather(*threads, *(writer.task(numbers) for _ in range(TASKS)))
        print("done", flush=True)  # noqa: T201
        await asyncio.sleep(3600)  # and goes on as a relay


if __name__ == "__main__":
    url, to, start, how_many, *more = sys.argv[1:]
    asyncio.run(main(url, to, int(start), int(how_many), "naive" in more))
