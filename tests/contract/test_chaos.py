"""Fifty clients that come, go, are cut off and come back, amid 20,000 events from five kinds of publishers."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from pattern_stack.atoms.broadcast.core.event import Event
from tests.contract.checker import Log, Place, judge
from tests.contract.conftest import IN_PAIRS, World
from tests.support.client import Client, client
from tests.support.patience import PATIENCE

EVENTS = 20_000
STEP = 50  # who waits looks so seldom, lest fifty look at every event
CLIENTS = 50
CHANNELS = [f"chaos:{n}" for n in range(10)]


class Publishers:
    """Each publishes its share, and notes when each publish began and what it returned."""

    def __init__(self, world: World, log: Log, seed: int) -> None:
        self.world = world
        self.log = log
        self.seed = seed
        self.moved = asyncio.Event()
        self.count = 0
        self.done = False
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()

    async def run(self) -> None:
        share = EVENTS // 5
        there = self.world.server
        await asyncio.gather(
            self._publish("here", share),
            there.acall(lambda: self._publish("there", share), timeout=300),
            asyncio.to_thread(lambda: asyncio.run(self._publish("loop", share))),
            asyncio.to_thread(self._publish_sync, "thread", share),
            there.acall(lambda: self._publish_many("many", share), timeout=300),
        )
        self.done = True
        for channel in CHANNELS:  # a marker, so that who is waiting for an event finds out
            began = self.log.tick()
            self._note(channel, began, await self.world.backend.broadcast(channel, "e", {"key": channel}))

    async def _publish(self, who: str, share: int) -> None:
        for key, channel in self._keys(who, share):
            began = self.log.tick()
            self._note(key, began, await self.world.backend.broadcast(channel, "e", {"key": key}))
            if who == "there":
                await asyncio.sleep(0)  # the hub's own loop has clients to serve

    def _publish_sync(self, who: str, share: int) -> None:
        for key, channel in self._keys(who, share):
            began = self.log.tick()
            self._note(key, began, self.world.backend.broadcast_sync(channel, "e", {"key": key}))

    async def _publish_many(self, who: str, share: int) -> None:
        keys = self._keys(who, share)
        for start in range(0, share, 16):
            began = self.log.tick()
            batch = keys[start : start + 16]
            events = await self.world.backend.broadcast_many([(channel, "e", {"key": key}) for key, channel in batch])
            for (key, _), event in zip(batch, events, strict=True):
                self._note(key, began, event)
            await asyncio.sleep(0)

    def _keys(self, who: str, share: int) -> list[tuple[str, str]]:
        choose = random.Random(f"{self.seed}{who}")
        return [(f"{who}-{n}", choose.choice(CHANNELS)) for n in range(share)]

    def _note(self, key: str, began: int, event: Event) -> None:
        with self._lock:
            self.log.publish(event.channel, key, began, event.position)
            self.count += 1
            told = self.count % STEP == 0
        if told:
            self._loop.call_soon_threadsafe(self.moved.set)

    async def until(self, count: int) -> None:
        """At least so many were published, of all there will be; or some more."""
        while self.count < min(count, EVENTS):
            self.moved.clear()
            await self.moved.wait()


class Visitor:
    """One client on some channels, over as many connections as it takes."""

    def __init__(self, world: World, log: Log, publishers: Publishers, seed: int) -> None:
        self.world = world
        self.log = log
        self.publishers = publishers
        self.random = random.Random(seed)
        self.readers = {name: log.reader(name) for name in self.random.sample(CHANNELS, 2)}
        self.recovered = 0

    async def run(self) -> None:
        while not self.publishers.done:
            await self._visit(lambda: self.publishers.done or self.random.random() < 0.01)
            await self.publishers.until(self.publishers.count + self.random.choice([0, 0, 200, 5_000]))

    async def finish(self, final: dict[str, Place]) -> None:
        """Come back one last time, and stay until everything is there."""
        while any(reader.place != final[name] for name, reader in self.readers.items()):
            await self._visit(lambda: all(reader.place == final[name] for name, reader in self.readers.items()))

    async def _visit(self, leave: Callable[[], bool]) -> None:
        try:
            async with client(self.world.server.url) as here:
                await self._enter(here)
                while not leave():
                    self._read(await here.receive())
                await self._go(here)
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code != 4408:
                raise

    async def _enter(self, here: Client) -> None:
        asked = {name: reader.place for name, reader in self.readers.items() if reader.place}
        since = {name: {"epoch": place[0], "offset": place[1]} for name, place in asked.items()}
        for name, position in (await here.subscribe(*self.readers, since=since)).items():
            self.log.subscribed(self.readers[name], position, asked.get(name))
            self.recovered += position.get("recovered", False)

    def _read(self, message: dict[str, Any]) -> None:
        if "reset" in message:
            for name, position in message["reset"].items():
                self.log.reset(self.readers[name], position)
        else:
            self.log.delivered(self.readers[message["channel"]], message["offset"], message["payload"]["key"])

    async def _go(self, here: Client) -> None:
        """Be cut off, or leave, or unsubscribe and leave."""
        way = self.random.choice(["cut", "close", "unsubscribe"])
        if way == "cut":
            here.cut()
        elif way == "unsubscribe":
            await here.ask({"unsubscribe": list(self.readers)})
            while here.inbox:  # what came before the reply still counts
                self._read(here.inbox.popleft())


def last_places(log: Log) -> dict[str, Place]:
    last: dict[str, Place] = {}
    for one in log.published:
        last[one.channel] = max(last.get(one.channel, one.place), one.place)
    return last


@IN_PAIRS
@pytest.mark.parametrize("world", [{"patience": PATIENCE}], indirect=True)
@pytest.mark.parametrize("seed", [1])
async def test_the_contract_holds_amid_chaos(world: World, seed: int) -> None:
    log = Log()
    publishers = Publishers(world, log, seed)
    visitors = [Visitor(world, log, publishers, seed * 1_000 + n) for n in range(CLIENTS)]
    await asyncio.gather(publishers.run(), *(visitor.run() for visitor in visitors))

    final = last_places(log)
    assert sum(place[1] for place in final.values()) == EVENTS + len(CHANNELS)
    await asyncio.gather(*(visitor.finish(final) for visitor in visitors))
    judge(log, final)

    # the run was wild enough to mean something
    assert sum(visitor.recovered for visitor in visitors) > CLIENTS
    assert sum(reader.resets for reader in log.readers) > CLIENTS
    assert await asyncio.to_thread(world.backend.get_all_channels) == []
