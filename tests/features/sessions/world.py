"""A server with sessions, its clock in the test's hand, and clients that keep a graph of their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from fastapi import FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.sessions import Sessions
from pattern_stack.features.sessions.sql import SQLStore
from tests.features.sessions.replica import Replica
from tests.support.client import Client, Message, client
from tests.support.clock import Clock
from tests.support.patience import PATIENCE
from tests.support.server import Server, application


class Participant(Client):
    """A client on one session. It carries out on its own graph what it is told."""

    session_id: str
    replica: Replica

    async def join(self, session_id: str, **since: Any) -> dict[str, Any]:
        """Once it has its snapshot, which is returned."""
        self.session_id = session_id
        channel = f"session:{session_id}"
        await self.subscribe(channel, **since)
        snapshot = await self.event()
        assert (snapshot["channel"], snapshot["event"]) == (channel, "snapshot"), snapshot
        self.replica = Replica(deepcopy(snapshot["payload"]["graph"]))
        payload: dict[str, Any] = snapshot["payload"]
        return payload

    async def told(self, last: str = "command-executed") -> list[Message]:
        """The events up to the next one of this name."""
        events = []
        while not events or events[-1]["event"] != last:
            events.append(await self.event())
            self.replica.apply(events[-1])
        return events


class Served(NamedTuple):
    """Sessions, and the server that they are in."""

    sessions: Sessions
    clock: Clock
    server: Server


class World:
    """What a test speaks to."""

    def __init__(self, served: Served) -> None:
        self.sessions, self.clock, self.server = served
        self.broadcast: WebSocketBroadcastBackend = served.sessions.broadcast
        self.http: httpx2.AsyncClient
        self._stack: AsyncExitStack

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._stack:
            http = httpx2.AsyncClient(
                base_url=f"{self.server.http}/api/v1", timeout=PATIENCE, verify=False, trust_env=False
            )
            self.http = await self._stack.enter_async_context(http)
            yield

    async def client(self) -> Participant:
        socket = (await self._stack.enter_async_context(client(self.server.url, max_queue=None))).socket
        return Participant(socket)

    async def joined(self, session_id: str, count: int) -> list[Participant]:
        """So many clients, one after the other; those before have heard of those after."""
        there: list[Participant] = []
        for _ in range(count):
            one = await self.client()
            await one.join(session_id)
            for other in there:
                await other.told("session-connected")
            there.append(one)
        return there

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, origin: str = "") -> Any:
        """The answer's JSON; AssertionError where it has another status."""
        headers = {"X-Origin": origin} if origin else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and code of an error."""
        answer = await self.http.request(method, path, json=body)
        error = answer.json()["error"]
        assert error.keys() == {"code", "message"}
        return answer.status_code, error["code"]

    # -- what most tests begin with

    async def session(self) -> str:
        created: str = (await self.call("POST", "/sessions", status=201))["session_id"]
        return created

    async def info(self, session_id: str) -> dict[str, Any]:
        info: dict[str, Any] = await self.call("GET", f"/sessions/{session_id}/info")
        return info

    async def tree(self, session_id: str) -> dict[str, Any]:
        tree: dict[str, Any] = await self.call("GET", f"/sessions/{session_id}/graph")
        return tree

    async def node(
        self, session_id: str, name: str = "Node", type: str = "task", parent: str | None = None, **how: Any
    ) -> dict[str, Any]:
        body = {"blueprint_type_id": type, "name": name, "parent_id": parent}
        node: dict[str, Any] = await self.call("POST", f"/{session_id}/nodes", body, status=201, **how)
        return node

    async def execute(self, session_id: str, command_type: str, *, status: int = 200, **data: Any) -> Any:
        body = {"session_id": session_id, "command_type": command_type, "data": data}
        return await self.call("POST", "/commands/execute", body, status=status)


def build(directory: Path, **options: Any) -> tuple[FastAPI, Sessions, Clock]:
    """An application with nothing but sessions, which keeps its projects in that directory."""
    broadcast, clock = WebSocketBroadcastBackend(), Clock()
    store = SQLStore(f"sqlite+aiosqlite:///{directory}/projects.db")
    sessions = Sessions(broadcast, store=store, clock=clock, **options)
    return application(broadcast, sessions), sessions, clock
