"""Streams keep the contract of sockets: clients of both kinds come, go and are cut off, amid a stream of events."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest

from tests.contract.checker import Log, Place, judge
from tests.contract.conftest import World
from tests.support.client import client
from tests.support.proxy import Proxy, proxy
from tests.support.stream import Stream, stream

CHANNELS = [f"lane:{n}" for n in range(4)]
EVENTS = 400
CLIENTS = 6


class Reader:
    """On two channels, over as many streams as it takes. The id is all that it keeps."""

    def __init__(self, http: str, log: Log, seed: int) -> None:
        self.http = http
        self.log = log
        self.random = random.Random(seed)
        self.readers = {name: log.reader(name) for name in self.random.sample(CHANNELS, 1 + seed % 2)}
        self.id: str | None = None
        self.recovered = 0

    async def follow(self, until: dict[str, Place]) -> None:
        """Until every channel is at its place in `until`, which is filled when all was published."""
        while not until or any(reader.place != until[name] for name, reader in self.readers.items()):
            with suppress(EOFError, httpx2.TransportError):
                async with self._stream() as here:
                    await self._read(here, until)

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[Stream]:
        async with stream(self.http, *self.readers, id=self.id) as here:
            told = (await here.receive())["subscribed"]
            for name, reader in self.readers.items():
                self.log.subscribed(reader, told[name], reader.place if self.id else None)
                self.recovered += told[name].get("recovered", False)
            self.id = here.id
            yield here

    async def _read(self, here: Stream, until: dict[str, Place]) -> None:
        """Up to a cut of its own choice, or one of the network's, or the end."""
        while self.random.random() > 0.01:
            if until and all(reader.place == until[name] for name, reader in self.readers.items()):
                return
            self._take(await here.receive())
            self.id = here.id

    def _take(self, message: dict[str, Any]) -> None:
        if "reset" in message:
            for name, position in message["reset"].items():
                self.log.reset(self.readers[name], position)
        elif "close" not in message:
            self.log.delivered(self.readers[message["channel"]], message["offset"], message["payload"]["key"])


async def publish(world: World, log: Log, line: Proxy) -> dict[str, Place]:
    choose = random.Random(1)
    last: dict[str, Place] = {}
    for n in range(EVENTS):
        channel = choose.choice(CHANNELS)
        began = log.tick()
        event = await world.backend.broadcast(channel, "e", {"key": f"{n}"})
        log.publish(channel, f"{n}", began, event.position)
        last[channel] = event.position
        if n % 100 == 99:
            line.cut()
    return last


@pytest.mark.parametrize("seed", [1])
async def test_streams_keep_the_contract(world: World, seed: int) -> None:
    log = Log()
    async with proxy(world.server.port) as line:
        readers = [Reader(f"http://127.0.0.1:{line.port}", log, seed * 100 + n) for n in range(CLIENTS)]
        until: dict[str, Place] = {}
        following = [asyncio.create_task(reader.follow(until)) for reader in readers]
        last = await publish(world, log, line)
        # known before they are published: who waits for an event gets one, and finds that it is the last
        until.update({channel: (epoch, offset + 1) for channel, (epoch, offset) in last.items()})
        for channel in CHANNELS:
            began = log.tick()
            event = await world.backend.broadcast(channel, "e", {"key": channel})
            log.publish(channel, channel, began, event.position)
        await asyncio.gather(*following)
    judge(log, until)
    assert sum(reader.recovered for reader in readers) > CLIENTS


async def test_a_socket_goes_on_where_a_stream_was(world: World) -> None:
    async with stream(world.server.http, "a") as one:
        told = (await one.receive())["subscribed"]["a"]
    await world.backend.broadcast("a", "x", {})
    async with client(world.server.url) as socket:
        again = await socket.subscribe("a", since={"a": {"epoch": told["epoch"], "offset": told["offset"]}})
        assert again["a"]["recovered"]
        assert (await socket.receive())["event"] == "x"
