"""Clients that edit sessions over several instances while those are killed, and all that they were told."""

import asyncio
import itertools
import random
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.features.sessions.replica import Replica
from tests.support.address import Address
from tests.support.client import Client, client
from tests.support.patience import PATIENCE


class Watcher:
    """A client on one session, over as many connections as it takes: its graph is what it was told."""

    def __init__(self, addresses: Sequence[Address], session: str) -> None:
        self._addresses = itertools.cycle(addresses)
        self._channel = f"session:{session}"
        self.replica: Replica | None = None
        self.seen: set[str] = set()
        self.resets = 0
        self._epoch = ""
        self._moved = asyncio.Event()

    async def run(self) -> None:
        while True:
            with suppress(ConnectionClosed, InvalidHandshake, OSError):
                async with client(next(self._addresses).url) as here:
                    await self._follow(here)
            await asyncio.sleep(0.02)

    async def until(self, marker: str) -> None:
        """It was told of the node with this name."""
        async with asyncio.timeout(PATIENCE):
            while marker not in self.seen:
                self._moved.clear()
                await self._moved.wait()

    async def _follow(self, here: Client) -> None:
        known = self.replica and self.replica.offset is not None and not self.replica.stale
        since = {self._channel: {"epoch": self._epoch, "offset": self.replica.offset}} if known and self.replica else {}
        answer = await here.ask({"subscribe": [self._channel], "since": since})
        if self._channel not in answer.get("subscribed", {}):
            return
        told = answer["subscribed"][self._channel]
        self._epoch = told["epoch"]
        if not told.get("recovered"):
            self.replica = None
        while True:
            message = await here.receive(timeout=600)
            if "reset" in message or message.get("event") == "graph-changed":
                self.resets += 1
                self.replica = None
                return
            if message.get("event") == "snapshot":
                self._begin(message)
            elif "event" in message and message.get("channel") == self._channel:
                self._apply(message)

    def _begin(self, message: dict[str, Any]) -> None:
        self.replica = Replica(deepcopy(message["payload"]["graph"]))
        self.replica.offset = message["offset"]
        self.seen.update(node["name"] for node in self.replica.nodes.values())
        self._moved.set()

    def _apply(self, message: dict[str, Any]) -> None:
        assert self.replica
        self.replica.apply(message)
        if message["event"] == "node-created":
            self.seen.add(message["payload"]["name"])
        self._moved.set()


class Drill:
    """`addresses`: where calls go, one after the other."""

    def __init__(self, addresses: Sequence[Address], seed: int = 1) -> None:
        self._addresses = itertools.cycle(addresses)
        self._rng = random.Random(seed)
        self._keys = itertools.count()
        self.http = httpx2.AsyncClient(timeout=PATIENCE, trust_env=False)
        self.acknowledged: dict[str, dict[str, str]] = {}
        """By session and name, the id of the node that a call was answered with."""
        self.unavailable = self.repeated = 0
        self.longest = 0.0
        """Seconds that a call took, with all its repeats."""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """With a key of its own; again, at the next address, until it is answered."""
        key, began = f"{next(self._keys)}", asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(httpx2.HTTPError):
                    url = f"{next(self._addresses).http}/api/v1{path}"
                    answer = await self.http.request(method, url, json=body, headers={"X-Command-Id": key})
                    if answer.status_code < 500:
                        assert answer.is_success, answer.text
                        self.longest = max(self.longest, asyncio.get_running_loop().time() - began)
                        return answer.json() if answer.content else None
                    assert answer.json()["error"]["code"] in ("SESSION_UNAVAILABLE", "BROADCAST_UNAVAILABLE"), (
                        answer.text
                    )
                    self.unavailable += 1
                self.repeated += 1
                await asyncio.sleep(0.02)

    async def begin(self, count: int) -> list[str]:
        sessions = [(await self.call("POST", "/sessions"))["session_id"] for _ in range(count)]
        self.acknowledged = {session: {} for session in sessions}
        return sessions

    async def edit(self, session: str) -> None:
        """One node more."""
        name = f"n{next(self._keys)}"
        known = [*self.acknowledged[session].values()]
        body = {"blueprint_type_id": "task", "name": name, "parent_id": self._rng.choice([*known[:30], None])}
        node = await self.call("POST", f"/{session}/nodes", body)
        assert node["name"] == name
        self.acknowledged[session][name] = node["id"]

    @property
    def count(self) -> int:
        """Commands that were acknowledged."""
        return sum(map(len, self.acknowledged.values()))

    async def until(self, count: int) -> None:
        while self.count < count:  # noqa: ASYNC110 - the clients go on meanwhile
            await asyncio.sleep(0.005)

    async def edit_times(self, count: int) -> None:
        for _ in range(count):
            await self.edit(self._rng.choice([*self.acknowledged]))

    async def edit_until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self.edit(self._rng.choice([*self.acknowledged]))

    async def check(self, session: str, each: Sequence[Address], watchers: Sequence[Watcher]) -> None:
        """No acknowledged command is lost, none was made twice, and everybody has one graph; undone and redone, too."""
        await self.edit(session)
        last = [*self.acknowledged[session]][-1]
        for watcher in watchers:
            await watcher.until(last)
        graphs = [(await self.http.get(f"{one.http}/api/v1/{session}/graph")).json() for one in each]
        assert all(graph == graphs[0] for graph in graphs)
        assert all(watcher.replica and watcher.replica.tree() == graphs[0] for watcher in watchers)
        there = sorted((node["name"], node["id"]) for node in Replica(graphs[0]).nodes.values())
        assert there == sorted(self.acknowledged[session].items())
        steps = 0
        while (await self.call("POST", f"/{session}/undo?graph=false"))["undo_available"]:
            steps += 1
        assert (await self.call("GET", f"/{session}/graph")) == {"roots": []}
        for _ in range(steps + 1):
            await self.call("POST", f"/{session}/redo?graph=false")
        assert (await self.call("GET", f"/{session}/graph")) == graphs[0]
