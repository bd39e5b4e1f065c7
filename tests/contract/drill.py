"""Two instances whose store is behind a line that breaks, clients on them, and all that happens, noted for the checker."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from pattern_stack import BroadcastBackend, BroadcastUnavailable, WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.atoms.broadcast.backends.bridges import bridge_from_url
from pattern_stack.settings import Settings
from tests.contract.checker import Log, Place, judge
from tests.support import server
from tests.support.client import Client, Message, client
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy, proxy
from tests.support.redis.server import RedisServer
from tests.support.stream import Stream, stream

CHANNEL = "orders"


class Follower:
    """One client that reads all there is, over as many connections as it takes."""

    def __init__(self, url: str, log: Log) -> None:
        self.reader = log.reader(CHANNEL)
        self.connections = 0
        self._url = url
        self._log = log
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """For ever. AssertionError where what it gets cannot be right."""
        while True:
            with suppress(ConnectionClosed, InvalidHandshake, OSError, EOFError, httpx2.TransportError):
                await self._visit()
            await asyncio.sleep(0.01)

    async def until(self, place: Place) -> None:
        while self.reader.place != place:
            self._moved.clear()
            await self._moved.wait()

    async def _visit(self) -> None:
        """Over a socket."""
        async with client(self._url) as here:
            self.connections += 1
            asked = self.reader.place
            since = {CHANNEL: {"epoch": asked[0], "offset": asked[1]}} if asked else {}
            answer = await here.ask({"subscribe": [CHANNEL], "since": since})
            if "subscribed" in answer:
                await self._follow(here, answer["subscribed"][CHANNEL], asked)

    async def _follow(self, here: Client | Stream, told: Message, asked: Place | None) -> None:
        self._log.subscribed(self.reader, told, asked)
        while True:
            self._moved.set()
            self._read(await here.receive(timeout=1_000))

    def _read(self, message: Message) -> None:
        """Everyone is on `notifications` too, which has resets of its own."""
        if CHANNEL in message.get("reset", ()):
            self._log.reset(self.reader, message["reset"][CHANNEL])
        elif message.get("channel") == CHANNEL:
            self._log.delivered(self.reader, message["offset"], message["payload"]["key"])


class StreamFollower(Follower):
    """The same over the HTTP lane. It goes on with the id of the last frame that it read."""

    _id: str | None = None

    async def _visit(self) -> None:
        async with stream(self._url, CHANNEL, id=self._id) as here:
            self.connections += 1
            told = (await here.receive())["subscribed"][CHANNEL]
            try:
                await self._follow(here, told, self.reader.place)
            finally:
                self._id = here.id


class Journal:
    """What is published and what followers get."""

    def __init__(self) -> None:
        self.log = Log()
        self.followers: list[Follower] = []
        self._following: list[asyncio.Task[None]] = []
        self._keys = map(str, itertools.count())

    async def follow(self, *urls: str) -> None:
        """A client at each, over a socket or, at an address of HTTP, over a stream; once they are on the channel."""
        kinds = (StreamFollower if url.startswith("http") else Follower for url in urls)
        began = [kind(url, self.log) for kind, url in zip(kinds, urls, strict=True)]
        self.followers += began
        self._following += [asyncio.create_task(one.run()) for one in began]
        for one in began:
            while one.reader.place is None:  # noqa: ASYNC110 - nobody knows the place that it will be told
                await asyncio.sleep(0.01)

    async def publish(self, backend: BroadcastBackend, count: int = 1, **payload: Any) -> None:
        """One after the other. What raises may be in the order, or not."""
        for key in itertools.islice(self._keys, count):
            began = self.log.tick()
            try:
                event: Any = await backend.broadcast(CHANNEL, "e", {**payload, "key": key})
            except BroadcastUnavailable:
                self.log.publish_raised(key)
            else:
                self.log.publish(CHANNEL, key, began, event.position)

    async def finish(self, backend: BroadcastBackend, seconds: float = PATIENCE) -> None:
        """One last event, which brings everybody to the end within that time; then all of it is judged."""
        wait = asyncio.create_task(self._to_the_end(backend))
        try:
            await asyncio.wait({wait, *self._following}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for one in self._following:
                if one.done():
                    one.result()
            places = [one.reader.place for one in self.followers]
            assert wait.done(), f"after {seconds} s the last of {self.log.published[-1:]} had not come to {places}"
        finally:
            wait.cancel()
        judge(self.log, {CHANNEL: await wait})

    async def _to_the_end(self, backend: BroadcastBackend) -> Place:
        count = len(self.log.published)
        while len(self.log.published) == count:
            await self.publish(backend)
        final = self.log.published[-1].place
        await asyncio.gather(*(one.until(final) for one in self.followers))
        return final

    async def end(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.wait(self._following)


class Instance:
    """One in this process, so that a test can look into it."""

    def __init__(self, url: str, patience: float = 3) -> None:
        app = create_app(Settings(broadcast_url=url, patience=patience))
        self.backend: WebSocketBroadcastBackend = app.state.broadcast
        self._serving = server.serving(app)

    async def __aenter__(self) -> "Instance":
        self.server = await asyncio.to_thread(self._serving.__enter__)  # not here: here is its line to Redis
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._serving.__exit__, None, None, None)

    async def until_ready_says(self, status: int) -> None:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http, asyncio.timeout(PATIENCE):
            while (await http.get(f"{self.server.http}/ready")).status_code != status:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.02)

    async def refuses_subscribes(self) -> None:
        async with client(self.server.url) as late:
            answer = await late.ask({"subscribe": ["new"]})
            assert answer["error"]["code"] == "unavailable"
            names_no_place(answer["error"]["message"])

    async def tells_the_truth(self) -> None:
        """While Redis is away, and has just gone."""
        await asyncio.gather(self.until_ready_says(503), raises(self.backend), self.refuses_subscribes())


async def raises(backend: BroadcastBackend) -> None:
    """A publish raises BroadcastUnavailable; it does not hang."""
    with pytest.raises(BroadcastUnavailable) as raised:
        async with asyncio.timeout(PATIENCE):
            await backend.broadcast("other", "e", {})
    assert "hunter2" not in repr(raised.value)
    names_no_place(str(raised.value))


def names_no_place(text: str) -> None:
    """Clients are told that Redis is away, and not where it is."""
    assert "127.0.0.1" not in text, text
    assert not re.search(r"\d{4}", text), text


StoreServer = RedisServer | PostgresServer


class Drill(Journal):
    """`outside` publishes past the line, where the drill does not say otherwise."""

    def __init__(self, server: StoreServer, line: Proxy, instances: list[Instance], outside: BroadcastBackend) -> None:
        super().__init__()
        self.server = server
        self.line = line
        self.instances = instances
        self.outside = outside

    @property
    def resets(self) -> int:
        return sum(one.reader.resets for one in self.followers)

    async def publish_everywhere(self, count: int) -> None:
        everywhere = [self.outside, *(one.backend for one in self.instances)]
        await asyncio.gather(*(self.publish(backend, count) for backend in everywhere))

    async def until_away(self) -> None:
        await asyncio.gather(*(one.until_ready_says(503) for one in self.instances))

    async def conclude(self) -> None:
        """Nobody was thrown out, and all are in step."""
        await self.finish(self.outside)
        assert {one.connections for one in self.followers} == {1}
        await asyncio.gather(*(one.until_ready_says(200) for one in self.instances))


@asynccontextmanager
async def drill(server: StoreServer, *, past_the_line: bool = True, patience: float = 3) -> AsyncIterator[Drill]:
    async with AsyncExitStack() as ends:
        line = await ends.enter_async_context(proxy(server.port))
        url = over(line, server)
        instances = [await ends.enter_async_context(Instance(url, patience)) for _ in range(2)]
        outside = bridge_from_url(server.url if past_the_line else url)
        ends.push_async_callback(outside.close)
        one = Drill(server, line, instances, outside)
        await asyncio.gather(*(each.until_ready_says(200) for each in instances))
        await one.follow(*(url for each in instances for url in (each.server.url, each.server.http)))
        ends.push_async_callback(one.end)
        await one.publish_everywhere(5)
        yield one


def over(line: Proxy, server: StoreServer) -> str:
    """The server's URL, through the line."""
    return server.url.replace(f":{server.port}/", f":{line.port}/")


# -- faults of any store: each begins with the block, and ends with it


@asynccontextmanager
async def unreachable(drill: Drill) -> AsyncIterator[None]:
    drill.line.refuse()
    await drill.publish(drill.outside, 10)
    yield
    await drill.line.restore()


@asynccontextmanager
async def half_open(drill: Drill) -> AsyncIterator[None]:
    drill.line.swallow()
    await drill.publish(drill.outside, 10)
    yield
    await drill.line.restore()


@asynccontextmanager
async def paused(drill: Drill) -> AsyncIterator[None]:
    drill.server.pause()
    waiting = [asyncio.create_task(drill.publish(drill.outside)) for _ in range(10)]
    yield
    drill.server.resume()
    await asyncio.gather(*waiting)
