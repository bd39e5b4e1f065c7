"""The client in Python keeps the contract over a network that cuts and stalls, by WebSocket and by HTTP."""

import asyncio
from typing import Any

import pytest

from pattern_stack import Event
from pattern_stack.client import BroadcastClient, Reset
from tests.contract.checker import Log, Reader, judge
from tests.contract.conftest import World
from tests.support.proxy import Proxy, proxy

CHANNELS = ["one", "two"]
EVENTS = 240


async def follow(client: BroadcastClient, reader: Reader, log: Log, since: Any) -> None:
    async for one in client.listen(reader.channel, since, resets="yield"):
        if isinstance(one, Reset):
            log.reset(reader, one.position._asdict())
        else:
            log.delivered(reader, one.offset, one.payload["key"])
            if one.event_type == "last":
                return


async def publish(world: World, log: Log, line: Proxy) -> dict[str, Event]:
    last: dict[str, Event] = {}
    for n in range(EVENTS):
        channel, began = CHANNELS[n % 2], log.tick()
        kind = "last" if n >= EVENTS - 2 else "e"
        last[channel] = await world.backend.broadcast(channel, kind, {"key": f"{n}"})
        log.publish(channel, f"{n}", began, last[channel].position)
        if n % 40 == 20:
            line.hold()
        if n % 40 == 30:
            line.cut()
            await line.restore()
    return last


@pytest.mark.parametrize("way", ["socket", "stream"])
async def test_a_client_loses_nothing(world: World, way: str) -> None:
    log = Log()
    async with proxy(world.server.port) as line:
        path = "/ws/broadcast" if way == "socket" else "/blocked"
        lane = f"http://127.0.0.1:{line.port}/sse/broadcast"
        async with BroadcastClient(f"ws://127.0.0.1:{line.port}{path}", sse=lane) as client:
            following = []
            for channel in CHANNELS * 2:
                position = await world.backend.position(channel)
                reader = log.reader(channel)
                log.subscribed(reader, position._asdict(), None)
                following.append(asyncio.create_task(follow(client, reader, log, position)))
            last = await publish(world, log, line)
            await asyncio.gather(*following)
    judge(log, {channel: event.position for channel, event in last.items()})
