"""Workers over their broker: who starts it, who outlives whom, and that nothing is lost when it is killed."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pattern_stack import BroadcastError, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend
from tests.contract.checker import Log, judge
from tests.support.broker import broker_pid, ended, kill_broker
from tests.support.client import Client, client
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend
from tests.support.stream import Stream, stream

CHANNELS = ["a", "b", "c"]


@pytest.fixture
def path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ipc-") as folder:
        yield Path(folder) / "broker"


@pytest.fixture
async def workers(path: Path) -> AsyncIterator[list[WebSocketBroadcastBackend]]:
    made = [WebSocketBroadcastBackend(bridge=IPCBroadcastBackend(f"ipc://{path}")) for _ in range(2)]
    yield made
    for backend in made:
        await backend.close()
        await backend.bridge.close()


async def test_the_first_starts_it_and_it_ends_with_the_last(
    path: Path, workers: list[WebSocketBroadcastBackend]
) -> None:
    places = await asyncio.gather(*(worker.broadcast("a", "e", {}) for worker in workers * 10))
    assert sorted(event.offset for event in places) == list(range(1, 21))
    pid = broker_pid(path)
    assert pid
    await workers[0].bridge.close()
    assert (await workers[1].broadcast("a", "e", {})).offset == 21
    await workers[1].bridge.close()
    eventually(lambda: ended(path, pid), "the broker is still there")


async def test_what_a_killed_broker_left_is_replaced(path: Path, workers: list[WebSocketBroadcastBackend]) -> None:
    first = await workers[0].broadcast("a", "e", {})
    kill_broker(path)
    events = await asyncio.gather(*(worker.broadcast("a", "e", {}) for worker in workers * 10))
    assert {event.epoch for event in events} == {events[0].epoch} != {first.epoch}
    assert sorted(event.offset for event in events) == list(range(1, 21))


async def test_a_folder_that_others_may_write_in_ends_the_start(
    path: Path, workers: list[WebSocketBroadcastBackend]
) -> None:
    path.parent.chmod(0o777)
    with pytest.raises(BroadcastError, match="workers cannot be linked: other users may write in"):
        await workers[0].broadcast("a", "e", {})


async def test_names_and_prefixes_are_apart(path: Path) -> None:
    async with AsyncExitStack() as stack:
        for url, prefix in ((f"ipc://{path}", "x"), (f"ipc://{path}?name=a", "x"), (f"ipc://{path}", "y")):
            backend = await stack.enter_async_context(IPCBroadcastBackend(url, channel_prefix=prefix))
            assert (await backend.broadcast("a", "e", {})).offset == 1


class Load:
    """Publishers on both workers, a socket on one and a stream on the other, until the broker was killed so often."""

    def __init__(self, path: Path, backends: list[WebSocketBroadcastBackend], kills: int) -> None:
        self.path = path
        self.backends = backends
        self.kills = kills
        self.log = Log()
        self.keys = map(str, itertools.count())
        self.ended = False
        self.last: dict[str, tuple[str, int]] = {}

    async def publish(self, backend: WebSocketBroadcastBackend, seed: int) -> None:
        choose = random.Random(seed)
        while not self.ended:
            await self.one(backend, choose.choice(CHANNELS))

    async def one(self, backend: WebSocketBroadcastBackend, channel: str) -> None:
        key, began = next(self.keys), self.log.tick()
        event = await backend.broadcast(channel, "e", {"key": key})
        self.log.publish(channel, key, began, event.position)
        self.last[channel] = event.position

    async def kill(self) -> None:
        for _ in range(self.kills):
            before = len(self.log.published)
            while len(self.log.published) < before + 100:  # noqa: ASYNC110 - the publishers tell nobody
                await asyncio.sleep(0.001)
            await asyncio.to_thread(kill_broker, self.path)
        self.ended = True

    async def read(self, one: Client | Stream, positions: dict[str, Any]) -> None:
        """Until it is cancelled."""
        readers = {channel: self.log.reader(channel) for channel in CHANNELS}
        for channel, position in positions.items():
            self.log.subscribed(readers[channel], position, None)
        while True:
            self._take(readers, await one.receive())

    async def until_all_have_the_last(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while any(reader.place != self.last[reader.channel] for reader in self.log.readers):  # noqa: ASYNC110 - they tell nobody
                await asyncio.sleep(0.01)

    def _take(self, readers: dict[str, Any], message: dict[str, Any]) -> None:
        for name, position in message.get("reset", {}).items():
            self.log.reset(readers[name], position)
        if "event" in message:
            self.log.delivered(readers[message["channel"]], message["offset"], message["payload"]["key"])


async def under_load(path: Path, workers: list[WebSocketBroadcastBackend], kills: int) -> Log:
    load = Load(path, workers, kills)
    with serving_backend(workers[0]) as here, serving_backend(workers[1]) as there:
        async with client(here.url) as socket, stream(there.http, *CHANNELS) as events:
            joined = [(socket, await socket.subscribe(*CHANNELS)), (events, (await events.receive())["subscribed"])]
            reading = [asyncio.create_task(load.read(*each)) for each in joined]
            async with asyncio.TaskGroup() as group:
                for run in (load.kill(), *(load.publish(backend, seed) for seed, backend in enumerate(workers * 2))):
                    group.create_task(run)
            for channel in CHANNELS:
                await load.one(workers[0], channel)
            await load.until_all_have_the_last()
            for task in reading:
                task.cancel()
            await asyncio.wait(reading)
    judge(load.log, load.last)
    return load.log


async def test_no_loss_and_no_repeat_where_the_broker_is_killed(
    path: Path, workers: list[WebSocketBroadcastBackend]
) -> None:
    log = await under_load(path, workers, 5)
    assert not log.raised
    assert sum(reader.resets for reader in log.readers) >= len(log.readers)


@pytest.mark.soak
async def test_the_broker_is_killed_200_times(path: Path, workers: list[WebSocketBroadcastBackend]) -> None:
    await under_load(path, workers, 200)
