"""An application with a backend and its notifications only, on a real server, with a clock and ids of the test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx2

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.notifications import Notifications
from tests.support.client import Client, client
from tests.support.clock import Clock
from tests.support.patience import PATIENCE
from tests.support.server import Server, application, serving, until

_names, _ids = itertools.count(1), itertools.count(1)


class World:
    """What a test of notifications has. The server is shared by a module's tests, so sessions have names of their own."""

    def __init__(self, backend: WebSocketBroadcastBackend, notifications: Notifications, clock: Clock, server: Server):
        self.backend = backend
        self.notifications = notifications
        self.clock = clock
        self.server = server

    def session(self) -> str:
        return f"run-{next(_names)}"

    def on(self, session: str) -> int:
        """Sockets on a session's channel."""
        return self.backend.get_subscriber_count(f"notifications:{session}")

    @asynccontextmanager
    async def clients(self, *sessions: tuple[str, ...]) -> AsyncIterator[list[Client]]:
        """One for each tuple, on the channels of those sessions, with their snapshots read."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.client(*some)) for some in sessions]

    @asynccontextmanager
    async def client(self, *sessions: str) -> AsyncIterator[Client]:
        async with client(self.server.url) as one:
            await one.ask({"ping": 1})
            if sessions:
                await one.subscribe(*(f"notifications:{session}" for session in sessions))
                assert [(await one.event())["event"] for _ in sessions] == ["snapshot"] * len(sessions)
            yield one

    async def connections(self, count: int) -> None:
        """Until there are so many."""
        await until(self.server, lambda: self.backend.get_total_connections() == count)

    async def ask(self, method: str, path: str, json: Any = None, **options: Any) -> tuple[int, Any]:
        """Over REST: the status, and the body."""
        options |= {"json": json} if json is not None else {}
        async with httpx2.AsyncClient(base_url=f"{self.server.http}/api/v1", timeout=PATIENCE, verify=False) as http:
            answer = await http.request(method, path, **options)
            return answer.status_code, answer.json()


@contextmanager
def serving_world(**arguments: Any) -> Iterator[World]:
    """`arguments` are the backend's."""
    backend = WebSocketBroadcastBackend(everyone=["notifications"], **arguments)
    clock = Clock()
    notifications = Notifications(backend, clock=clock, ids=lambda: f"id-{next(_ids)}")
    with serving(application(backend, notifications)) as server:
        yield World(backend, notifications, clock, server)
