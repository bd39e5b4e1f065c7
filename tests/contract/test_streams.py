"""Streams keep the contract of sockets: clients of both kinds come, go and are cut off, amid a stream of events."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.contract.checker import Log, Place, judge
from tests.contract.conftest import World
from tests.support.address import Address
from tests.support.client import Message, client
from tests.support.proxy import Proxy, proxy
from tests.support.stream import stream

CHANNELS = [f"lane:{n}" for n in range(4)]
EVENTS = 400


class Reader:
    """On one channel or two, over as many connections as it takes."""

    def __init__(self, address: Address, log: Log, seed: int) -> None:
        self.address = address
        self.log = log
        self.random = random.Random(seed)
        self.readers = {name: log.reader(name) for name in self.random.sample(CHANNELS, 1 + seed % 2)}
        self.recovered = 0
        self.has_entered = asyncio.Event()

    async def follow(self, until: dict[str, Place]) -> None:
        """Until every channel is at its place in `until`, which is filled when all was published."""
        while not self._is_at(until):
            with suppress(ConnectionClosed, InvalidHandshake, EOFError, OSError, httpx2.TransportError):
                async with self._enter() as here:
                    while self.random.random() > 0.01 and not self._is_at(until):
                        self._take(await self._next(here))

    def _is_at(self, until: dict[str, Place]) -> bool:
        return bool(until) and all(reader.place == until[name] for name, reader in self.readers.items())

    @asynccontextmanager
    async def _enter(self) -> AsyncIterator[Any]:
        """Over a socket; left by a cut."""
        asked = {name: reader.place for name, reader in self.readers.items() if reader.place}
        async with client(self.address.url) as here:
            since = {name: {"epoch": epoch, "offset": offset} for name, (epoch, offset) in asked.items()}
            self._entered(await here.subscribe(*self.readers, since=since))
            yield here
            here.cut()

    async def _next(self, here: Any) -> Message:
        message: Message = await here.receive()
        return message

    def _entered(self, told: Message) -> None:
        for name, reader in self.readers.items():
            self.log.subscribed(reader, told[name], reader.place)
            self.recovered += told[name].get("recovered", False)
        self.has_entered.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "reset" in message:
            for name, position in message["reset"].items():
                self.log.reset(self.readers[name], position)
        elif "close" not in message:
            self.log.delivered(self.readers[message["channel"]], message["offset"], message["payload"]["key"])


class StreamReader(Reader):
    """The id is all that it keeps."""

    id: str | None = None

    @asynccontextmanager
    async def _enter(self) -> AsyncIterator[Any]:
        async with stream(self.address.http, *self.readers, id=self.id) as here:
            self._entered((await here.receive())["subscribed"])
            self.id = here.id
            yield here

    async def _next(self, here: Any) -> Message:
        message = await super()._next(here)
        self.id = here.id
        return message


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
        kinds = [StreamReader, StreamReader, Reader] * 2
        readers = [kind(line, log, seed * 100 + n) for n, kind in enumerate(kinds)]
        until: dict[str, Place] = {}
        following = [asyncio.create_task(reader.follow(until)) for reader in readers]
        await asyncio.gather(*(reader.has_entered.wait() for reader in readers))  # each is cut off at least once
        last = await publish(world, log, line)
        # known before they are published: who waits for an event gets one, and finds that it is the last
        until.update({channel: (epoch, offset + 1) for channel, (epoch, offset) in last.items()})
        for channel in CHANNELS:
            began = log.tick()
            event = await world.backend.broadcast(channel, "e", {"key": channel})
            log.publish(channel, channel, began, event.position)
        await asyncio.gather(*following)
    judge(log, until)
    assert all(reader.recovered for reader in readers)


async def test_a_socket_goes_on_where_a_stream_was(world: World) -> None:
    async with stream(world.server.http, "a") as one:
        told = (await one.receive())["subscribed"]["a"]
    await world.backend.broadcast("a", "x", {})
    async with client(world.server.url) as socket:
        again = await socket.subscribe("a", since={"a": {"epoch": told["epoch"], "offset": told["offset"]}})
        assert again["a"]["recovered"]
        assert (await socket.receive())["event"] == "x"
