"""An application with an outbox, and what a handler of its channel was given."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.outbox import Outbox
from tests.support.patience import PATIENCE


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(default="tea")


def with_savepoints(engine: Engine) -> None:
    """SQLite's driver begins transactions by itself, but not before a savepoint: this is SQLAlchemy's own recipe for it."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")


def engine_of(url: str, **options: Any) -> Engine | AsyncEngine:
    """Asynchronous where the URL's driver is, or where it says `?async`."""
    url, _, is_async = url.partition("?")
    if is_async or "aiosqlite" in url or "asyncpg" in url:
        engine: Engine | AsyncEngine = create_async_engine(url, **options)
    else:
        engine = create_engine(url, **options)
    sync = sync_of(engine)
    if sync.dialect.name == "sqlite":
        with_savepoints(sync)
    return engine


def sync_of(engine: Engine | AsyncEngine) -> Engine:
    return engine.sync_engine if isinstance(engine, AsyncEngine) else engine


async def dispose(engine: Engine | AsyncEngine) -> None:
    if isinstance(engine, AsyncEngine):
        await engine.dispose()
    else:
        engine.dispose()


async def make_orders(engine: Engine | AsyncEngine) -> None:
    if isinstance(engine, AsyncEngine):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    else:
        Base.metadata.create_all(engine)


class World:
    """`delivered`: the payloads that the channel `orders` brought, in their order."""

    def __init__(
        self, engine: Engine | AsyncEngine, broadcast: WebSocketBroadcastBackend | None = None, **outbox: Any
    ) -> None:
        self.engine = engine
        self.broadcast = broadcast or WebSocketBroadcastBackend()
        self.outbox = Outbox(self.broadcast, engine, **outbox)
        self.app = FastAPI()
        self.app.include_router(self.broadcast.get_router())
        self.app.include_router(self.outbox.get_router())
        self.delivered: list[Any] = []
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.app.router.lifespan_context(self.app):
            await self.broadcast.subscribe("orders", self._take)
            yield

    async def _take(self, event_type: str, payload: dict[str, Any]) -> None:
        self.delivered.append(payload.get("n", event_type))
        self._changed.set()

    async def until(self, is_it: Callable[[], bool]) -> None:
        """Looks at each delivery."""
        async with asyncio.timeout(PATIENCE):
            while not is_it():
                self._changed.clear()
                await self._changed.wait()

    async def until_delivered(self, *payloads: Any) -> None:
        """These and no others, in this order."""
        await self.until(lambda: len(self.delivered) >= len(payloads))
        assert self.delivered == list(payloads)

    async def until_empty(self) -> None:
        """Events leave the table soon after they were delivered."""
        async with asyncio.timeout(PATIENCE):
            while await self.outbox.waiting():  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.01)

    async def until_trouble(self, text: str) -> str:
        return await holds(lambda: (found := self.outbox.trouble) and text in found and found)

    async def until_well(self) -> None:
        await holds(lambda: self.outbox.trouble is None)


async def holds(is_it: Callable[[], Any]) -> Any:
    """Until it holds, for a state that tells nobody when it comes. What it returned."""
    async with asyncio.timeout(PATIENCE):
        while not (found := is_it()):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
    return found
