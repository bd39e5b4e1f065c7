"""Whatever happens to Redis or to the line to it, clients are caught up or told to refetch: the checker judges.

Each fault is a block: it begins with the fault, and ends when the fault has ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from pattern_stack.atoms.broadcast.bridge import linked_store
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE, Reading
from pattern_stack.atoms.broadcast.bridge.tracker import ChannelTracker
from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.redis import link
from tests.contract.drill import CHANNEL, Drill, drill, half_open, paused, unreachable
from tests.support.ports import free_port
from tests.support.process import ROOT
from tests.support.redis.server import RedisServer

Fault = Callable[[Drill], AbstractAsyncContextManager[None]]

_KEY = f"pattern_stack:{{{CHANNEL}}}"


@asynccontextmanager
async def restarted(drill: Drill) -> AsyncIterator[None]:
    drill.server.kill()
    yield
    drill.server.start()


@asynccontextmanager
async def read_only(drill: Drill) -> AsyncIterator[None]:
    drill.server.command("REPLICAOF", "127.0.0.1", 1)
    yield
    drill.server.command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def killed_subscriptions(drill: Drill) -> AsyncIterator[None]:
    drill.line.target = free_port()  # nobody is back before something was missed
    drill.server.command("CLIENT", "KILL", "TYPE", "pubsub")
    await drill.publish(drill.outside, 10)
    yield
    drill.line.target = drill.server.port


@asynccontextmanager
async def too_slow(drill: Drill) -> AsyncIterator[None]:
    """An instance that does not read is cut off by Redis."""
    drill.server.configure(client_output_buffer_limit="pubsub 100000 100000 1")
    drill.line.hold("down")
    while _subscribers(drill.server):
        await drill.publish(drill.outside, 5, filling="x" * 300_000)
    yield
    await drill.line.restore()


def _subscribers(redis: RedisServer) -> int:
    (_, count) = redis.command("PUBSUB", "NUMSUB", _KEY)
    return int(count)


@asynccontextmanager
async def flushed_scripts(drill: Drill) -> AsyncIterator[None]:
    drill.server.command("SCRIPT", "FLUSH")
    yield


def evicted(*names: str) -> Fault:
    @asynccontextmanager
    async def evicted(drill: Drill) -> AsyncIterator[None]:
        async with unreachable(drill):
            drill.server.command("DEL", *(f"{_KEY}:{name}" for name in names))
            await drill.publish(drill.outside, 3)
            yield

    return evicted


def evicted_in_step(*names: str) -> Fault:
    """While every instance follows: the next event tells."""

    @asynccontextmanager
    async def evicted_in_step(drill: Drill) -> AsyncIterator[None]:
        drill.server.command("DEL", *(f"{_KEY}:{name}" for name in names))
        yield

    return evicted_in_step


pytestmark = pytest.mark.redis

LOST = [restarted, evicted("state"), evicted("events"), evicted("state", "events"), evicted_in_step("state")]
KEPT = [killed_subscriptions, too_slow]
HARMLESS = [flushed_scripts, evicted_in_step("events")]
AWAY = [unreachable, half_open, paused, read_only]


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.__name__)


@each(LOST + KEPT + HARMLESS)
async def test_clients_are_caught_up_or_told(redis_server: RedisServer, fault: Fault) -> None:
    async with drill(redis_server) as one:
        publishing = asyncio.create_task(one.publish_everywhere(30))
        async with fault(one):
            pass
        await publishing
        await one.conclude()
        assert bool(one.resets) == (fault in LOST)


async def test_while_redis_is_away_nobody_pretends_or_tells_its_password(caplog: pytest.LogCaptureFixture) -> None:
    """All at once: each takes the seconds until a silent link is detected."""
    caplog.set_level(logging.DEBUG)

    async def nobody_pretends(fault: Fault) -> None:
        with RedisServer(password="hunter2") as server:
            async with drill(server, patience=0.5) as one:
                async with fault(one):
                    await asyncio.gather(*(each.tells_the_truth() for each in one.instances))
                await one.conclude()
                assert bool(one.resets) == (fault in (restarted, read_only)), fault.__name__

    await asyncio.gather(*map(nobody_pretends, [restarted, *AWAY]))
    assert "is down" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_seconds_in_the_docs_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "instances.md").read_text()
    assert f"Every {link._PROBE_SECONDS:g} s it writes a key" in page
    assert f"until it has been down for {PATIENCE:g} s" in page
    assert f"{PATIENCE + linked_store._UNNOTICED:g} s at most" in page


def adopt(track: ChannelTracker, here: Position, reading: Reading) -> None:
    """What a bridge without repair does: it goes on from wherever it is."""
    track.position = Position(reading.epoch, reading.offset)


@pytest.mark.parametrize("some", [1, pytest.param(None, marks=pytest.mark.soak)], ids=["one of a kind", "all"])
async def test_without_repair_each_is_found_out(monkeypatch: pytest.MonkeyPatch, some: int | None) -> None:
    monkeypatch.setattr(ChannelTracker, "apply", adopt)

    async def is_found_out(fault: Fault) -> None:
        with RedisServer() as server:
            async with drill(server) as one:
                async with fault(one):
                    if fault in AWAY:
                        await one.until_away()
                await asyncio.gather(*(each.until_ready_says(200) for each in one.instances))
                await one.publish(one.outside, 20)  # some of these arrive, and show the gap before them
                with pytest.raises(AssertionError):
                    await one.finish(one.outside, seconds=5)  # enough for clients that are in step

    for faults in (LOST[:some], KEPT[:some], AWAY[:some]):
        await asyncio.gather(*map(is_found_out, faults))
