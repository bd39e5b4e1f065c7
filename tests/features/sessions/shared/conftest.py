"""Several instances on one loop, over each store."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.bridges import bridge_from_url
from pattern_stack.features.sessions import ProjectNotFound, ProjectStore, Sessions
from pattern_stack.features.sessions.shared_journal import SharedJournal
from tests.support.clock import Clock
from tests.support.postgres import PostgresServer
from tests.support.redis.server import RedisServer

_prefixes = (f"shared{number}" for number in count())


class MemoryStore(ProjectStore):
    """A database that all instances use."""

    def __init__(self) -> None:
        self.forms: dict[str, bytes] = {}

    async def save(self, project_id: str, form: bytes) -> None:
        self.forms[project_id] = form

    async def load(self, project_id: str) -> bytes:
        if project_id not in self.forms:
            raise ProjectNotFound("there is no such project")
        return self.forms[project_id]

    async def delete(self, project_id: str) -> None:
        await self.load(project_id)
        del self.forms[project_id]

    async def close(self) -> None: ...


class Instances:
    """Makes instances of one application."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self.prefix = next(_prefixes)
        self._stack = stack
        self.clock = Clock()
        self.store = MemoryStore()

    def adopt(self, other: "Instances") -> None:
        """They are of the same application as these."""
        self.clock, self.store, self.prefix = other.clock, other.store, other.prefix

    def one(self) -> Sessions:
        bridge: Any = bridge_from_url(self._url, channel_prefix=self.prefix)
        broadcast = WebSocketBroadcastBackend(bridge=bridge)
        sessions = Sessions(broadcast, store=self.store, clock=self.clock)
        for end in (bridge.close, broadcast.close, sessions.journal.stop):
            self._stack.push_async_callback(end)
        return sessions


def journal_of(sessions: Sessions) -> SharedJournal:
    journal = sessions.journal.chosen
    assert isinstance(journal, SharedJournal)
    return journal


@asynccontextmanager
async def over(url: str) -> AsyncIterator[Instances]:
    async with AsyncExitStack() as stack:
        yield Instances(url, stack)


@pytest.fixture(scope="session")
def _redis_url() -> Iterator[str]:
    with RedisServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def _ipc_url() -> Iterator[str]:
    with TemporaryDirectory(prefix="ipc-") as folder:
        yield f"ipc://{folder}/broker"


@pytest.fixture(scope="session")
def _postgres_url() -> Iterator[str]:
    with PostgresServer() as server:
        yield server.url


@pytest.fixture(params=[pytest.param("redis", marks=pytest.mark.redis), "ipc", "postgres"])
async def instances(request: pytest.FixtureRequest) -> AsyncIterator[Instances]:
    async with over(request.getfixturevalue(f"_{request.param}_url")) as instances:
        yield instances
