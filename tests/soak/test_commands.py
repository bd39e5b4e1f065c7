"""Commands through a balancer to three instances, while connections are cut and instances are killed."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.exceptions import WebSocketException

from tests.support.balancer import Balancer
from tests.support.client import Client, Message, client
from tests.support.instances import Instance, instances
from tests.support.redis.server import RedisServer

AT_ONCE = 10


class Sender:
    """One user, who sends commands in their order, AT_ONCE at a time, again on each new connection until they are answered."""

    def __init__(self, url: str, name: str, commands: int) -> None:
        self._url = f"{url}?name={name}"
        self.name = name
        self._commands = commands
        self.answers: dict[int, Message] = {}
        self.connections = 0

    async def run(self) -> None:
        while len(self.answers) < self._commands:
            with suppress(OSError, WebSocketException, TimeoutError, AssertionError):
                async with client(self._url, open_timeout=5) as one:
                    self.connections += 1
                    await self._work(one)

    async def _work(self, one: Client) -> None:
        cut = asyncio.get_running_loop().call_later(random.uniform(0.3, 1.0), one.cut)
        try:
            await one.subscribe("room:7")
            under_way: set[int] = set()
            while len(self.answers) < self._commands:
                due = [n for n in range(self._commands) if n not in self.answers and n not in under_way]
                for n in due[: AT_ONCE - len(under_way)]:
                    under_way.add(n)
                    await one.send({"send": "room:7", "event": "note", "payload": {"n": n}, "key": f"k{n}", "id": n})
                answer = await one.until(lambda message: "result" in message or "error" in message)
                under_way.discard(answer["id"])
                if answer.get("error", {}).get("code") not in ("unavailable", "rate_limited", "not_subscribed"):
                    self.answers[answer["id"]] = answer
        finally:
            cut.cancel()


async def kill_now_and_then(each: list[Instance], done: asyncio.Event, pause: float) -> int:
    count = 0
    while not done.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), pause)
        if not done.is_set():
            await asyncio.to_thread(random.choice(each).restart)
            count += 1
    return count


async def storm(redis: RedisServer, users: int, commands: int, pause: float) -> None:
    with (
        instances(3, "tests.soak.commands_app:app", BROADCAST_URL=redis.url) as each,
        Balancer([one.port for one in each]) as balancer,
    ):
        senders = [Sender(balancer.url, f"user{number}", commands) for number in range(users)]
        done = asyncio.Event()
        killing = asyncio.create_task(kill_now_and_then(each, done, pause))
        await asyncio.gather(*(sender.run() for sender in senders))
        done.set()
        kills = await killing
        async with Redis.from_url(redis.url) as store:
            for sender in senders:
                effects = [int(n) for n in await store.lrange(f"effects:{sender.name}:7", 0, -1)]  # type: ignore[misc]
                check(sender, effects, commands)
    unknown = sum("error" in answer for sender in senders for answer in sender.answers.values())
    connections = sum(sender.connections for sender in senders)
    print(f"{users * commands} commands, {connections} connections, {kills} kills, {unknown} unknown")  # noqa: T201
    assert kills
    assert connections > users


def check(sender: Sender, effects: list[int], commands: int) -> None:
    """Each command had one result and one effect, in their order, or an unknown outcome and at most one effect."""
    assert sender.answers.keys() == set(range(commands))
    for n, answer in sender.answers.items():
        told: Any = answer.get("result", {}).get("n") if "result" in answer else answer["error"]["code"]
        assert told in (n, "unknown_outcome"), answer
        assert told == "unknown_outcome" or n in effects, f"command {n} was answered and had no effect"
    assert len(effects) == len(set(effects)), "a command was carried out twice"
    assert effects == sorted(effects), "commands were carried out out of order"


@pytest.mark.soak
async def test_effects_are_the_unique_keys(redis_server: RedisServer) -> None:
    await storm(redis_server, users=20, commands=500, pause=1)
