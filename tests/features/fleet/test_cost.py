"""What an idle fleet costs Redis."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import iso, utc_now
from pattern_stack.features.fleet import Fleet
from tests.features.fleet.computers import PREFIX
from tests.support.patience import PATIENCE
from tests.support.redis.server import RedisServer

COUNT = 100
REAL = 5
"""The others are heartbeats alone: a hundred links in one process would fill a processor."""


@asynccontextmanager
async def started(name: str, url: str) -> Any:
    fleet = Fleet(WebSocketBroadcastBackend(), computer=name, redis_url=url, heartbeat_seconds=600)
    await fleet.start()
    try:
        yield fleet
    finally:
        await fleet.stop()


def calls(redis: RedisServer) -> dict[str, int]:
    """How often each command was called so far, without the links' probes: an EVAL that calls SET and PUBLISH, and an INFO."""
    stats = {name.removeprefix("cmdstat_"): one["calls"] for name, one in redis.command("INFO", "commandstats").items()}
    probes = stats.pop("eval", 0)
    stats.pop("info")
    return {**stats, "set": stats["set"] - probes, "publish": stats["publish"] - probes}


async def until(redis: RedisServer, name: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while calls(redis)[name] < count:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.05)


def speak(redis: RedisServer, names: list[str]) -> None:
    """One heartbeat of each, as its process would send it."""
    with redis.client() as client, client.pipeline(transaction=False) as voices:
        for name in names:
            key, value = (
                f"{PREFIX}:computer:{name}:heartbeat",
                f'{{"computer": "{name}", "last_seen": "{iso(utc_now())}"}}',
            )
            voices.set(key, value, ex=60)
            voices.publish(f"{PREFIX}:heartbeats", value)
        voices.execute()


async def test_a_hundred_idle_computers_cost_nothing_but_heartbeats(redis_server: RedisServer) -> None:
    names = [f"c{number}" for number in range(COUNT)]
    async with AsyncExitStack() as stack:
        fleets = [await stack.enter_async_context(started(name, redis_server.url)) for name in names[:REAL]]
        await until(redis_server, "publish", REAL)
        before = calls(redis_server)
        speak(redis_server, names[REAL:])
        for fleet in fleets:
            fleet.heartbeat_now()
        await until(redis_server, "publish", REAL + COUNT)
        probed = redis_server.command("INFO", "commandstats")["cmdstat_eval"]["calls"]
        # a round of the links' probes: an idle fleet could do something meanwhile
        async with asyncio.timeout(PATIENCE):
            while redis_server.command("INFO", "commandstats")["cmdstat_eval"]["calls"] < probed + REAL:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        after = calls(redis_server)
        grown = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
        for of_connections in ("client|setinfo", "hello"):  # which this test makes
            grown.pop(of_connections, None)
        assert grown == {"set": COUNT, "publish": COUNT}
        assert all(len(fleet.state.records("computers")) == COUNT for fleet in fleets)
