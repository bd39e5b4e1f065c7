"""An hour of faults, in short: what clients and publishers count is what the meters say, to the unit."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest

from pattern_stack import (
    Channel,
    Forbidden,
    History,
    Identity,
    Limits,
    NotFound,
    Rejected,
    WebSocketBroadcastBackend,
    command,
)
from pattern_stack.testing import Faults
from tests.support.meters import Meters
from tests.support.patience import PATIENCE
from tests.support.proxy import proxy
from tests.support.raw import Raw
from tests.support.server import Server, serving_backend, until
from tests.support.tally import Counts, Visitor

CHANNELS = ["a", "b", "desk:1", "room:1"]
BAD_FRAMES: list[Any] = [
    "{",
    {"subscribe": 5},
    {"subscribe": ["closed:1"]},
    {"subscribe": ["missing:1", "a b"]},
    {"send": "a", "event": "x", "id": 1},
    {"send": "desk:1", "event": "x", "id": 1},
    {"send": "desk:1", "event": "work", "payload": {"how": 1}, "id": 1},
    {"send": "desk:1", "event": "work", "payload": {"how": "reject"}, "id": 1},
    {"send": "desk:1", "event": "work", "payload": {"how": "fail"}, "id": 1},
    {"send": "desk:1", "event": "work", "payload": {"how": "forbid"}, "key": "k", "id": 1},
]
BROKEN = {
    1007: Raw.frame(1, b"\xff"),
    1002: Raw.frame(1, b"{}", masked=False),
    1009: Raw.frame(1, b"x" * 70_000),
    3001: Raw.frame(8, (3001).to_bytes(2, "big")),
}


def application() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend(history=History(events=8), limits=Limits(outbox_bytes=20_000))
    backend.channel("room:{id}", presence=True)(Channel)

    @backend.channel("closed:{id}")
    class Closed(Channel):
        async def authorize(self, connection: Any, id: str) -> None:
            raise Forbidden("no")

    @backend.channel("missing:{id}")
    class Missing(Channel):
        async def authorize(self, connection: Any, id: str) -> None:
            raise NotFound("no")

    @backend.channel("desk:{id}")
    class Desk(Channel):
        async def snapshot(self, connection: Any, id: str) -> dict[str, Any]:
            return {"x": "x" * 100}

        @command("work")
        async def work(self, connection: Any, payload: dict[str, str], id: str) -> dict[str, Any]:
            match payload["how"]:
                case "reject":
                    raise Rejected("not_now", "later")
                case "forbid":
                    raise Forbidden("no")
                case "fail":
                    raise RuntimeError("broken")
            return {}

    return backend


class Hour:
    """One fault after the other. After each everybody has what was published, so that all can be counted."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server, meters: Meters, seed: int) -> None:
        self.meters = meters
        self.backend = backend
        self.server = server
        self.counts: Counts = Counter()
        self.visitors: list[Visitor] = []
        self.away: list[Visitor] = []
        self.choose = random.Random(seed)
        self.faults = Faults()
        self.http = httpx2.AsyncClient(timeout=PATIENCE, trust_env=False)
        self.marker = 0

    # -- what is published

    async def publish(self, channel: str, count: int = 1, **payload: Any) -> None:
        await self.backend.broadcast_many([(channel, "x", payload)] * count)
        self.counts["events_published_total"] += count

    async def settle(self) -> None:
        self.marker += 1
        await self.publish("all", marker=self.marker)
        for one in self.visitors:
            await one.until(lambda one=one: one.marker == self.marker)  # type: ignore[misc]
        self.away += [one for one in self.visitors if not one.is_on]
        self.visitors = [one for one in self.visitors if one.is_on]
        await until(self.server, lambda: self.backend.get_total_connections() == len(self.visitors))

    async def agree(self) -> None:
        """Soon: who has come or gone is told a little later."""
        channels = [channel for one in self.visitors for channel in one.channels]
        gauges = {"connections": len(self.visitors), "subscriptions": len(channels), "channels": len(set(channels))}
        deadline = time.monotonic() + PATIENCE
        while (said := self.meters.changed()) != (seen := dict(+Counter({**self.counts, **gauges}))):
            assert time.monotonic() < deadline, (said, seen)
            await asyncio.sleep(0.005)

    async def published(self) -> None:
        await self.publish(self.choose.choice(CHANNELS), self.choose.choice([1, 1, 5, 12]))

    async def published_otherwise(self) -> None:
        channel = self.choose.choice(CHANNELS)
        await self.backend.broadcast(channel, "cursor", {}, ephemeral=True)
        for _ in range(2):
            await self.backend.broadcast(channel, "x", {}, key=f"key{self.marker}")
        place = await self.backend.position("a")
        self.backend.broadcast_soon("a", "x", {})
        while await self.backend.position("a") == place:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0)
        self.counts["events_published_total"] += 2

    # -- who comes and goes

    async def come(self, port: int = 0, channel: str = "") -> Visitor:
        names = [channel] if channel else self.choose.sample(CHANNELS, self.choose.randint(1, 3))
        one = Visitor(self.counts, ["all", *names])
        await self._join(one, port)
        return one

    async def _join(self, one: Visitor, port: int = 0, *, by_socket: bool | None = None) -> None:
        kind = self.choose.choice(["ws", "ws", "http"]) if by_socket is None else ("http", "ws")[by_socket]
        await one.join(f"{kind}://127.0.0.1:{port or self.server.port}" + "/ws/broadcast" * (kind == "ws"))
        self.visitors.append(one)

    async def came(self) -> None:
        if len(self.visitors) < 8:
            await self.come()

    async def came_back(self) -> None:
        if self.away:
            one = self.away.pop()
            await self._join(one, by_socket=one.socket is not None)

    async def left(self) -> None:
        if self.visitors:
            await self.choose.choice(self.visitors).leave(self.choose.choice([1006, 1000, 1001, 3000]))

    async def broke_the_protocol(self) -> None:
        if one := self._on_socket():
            assert one.socket
            one.socket.transport.write(self.choose.choice(list(BROKEN.values())))
            await one.until(lambda: False)

    async def sent_away(self) -> None:
        """In the turn of a publish. 4403 drops what was not written yet."""
        code, place = self.choose.choice([4403, 1012, 4000]), self.choose.random()

        async def both() -> None:
            there = list(self.backend._instance.connections.open)
            await self.publish("all")
            if there:
                there[int(place * len(there))].close(code, "away")

        await self.server.acall(both)

    async def expired(self) -> None:
        def expire() -> None:
            for one in list(self.backend._instance.connections.open):
                one.identity = Identity("ann", time.time() - 1)
                one.watch_expiry()

        await self.server.acall(expire)
        for one in self.visitors:
            await one.until(lambda: False)
            assert one.code == 4401

    async def waited(self) -> None:
        """Nobody takes anything for a while."""

        async def hold() -> None:
            there = [one.outbox for one in self.backend._instance.connections.open]
            for outbox in there:
                outbox.pause()
            events = [await self.backend.broadcast("all", "x", {"n": n}) for n in range(3)]
            await asyncio.sleep(0)  # the end of the turn
            waiting = self.meters.read()["outbox_bytes_max"]
            for outbox in there:
                outbox.resume()
            assert waiting == (sum(len(event.data) for event in events) if there else 0)

        await self.server.acall(hold)
        self.counts["events_published_total"] += 3

    async def was_slow(self) -> None:
        async with proxy(self.server.port) as line:
            one = await self.come(port=line.port, channel="slow")
            line.hold("down")
            while self.backend.get_subscriber_count("slow"):
                await self.publish("slow", filling=self.choose.randbytes(50_000).hex())
            await line.restore()
            await one.until(lambda: False)
            assert one.code == 4408

    # -- what is refused

    def _on_socket(self) -> Visitor | None:
        found = [one for one in self.visitors if one.socket]
        return self.choose.choice(found) if found else None

    async def sent_bad_frames(self) -> None:
        if one := self._on_socket():
            before = self.refused
            await one.send(self.choose.choice(BAD_FRAMES))
            await one.until(lambda: self.refused > before)

    async def sent_too_much(self) -> None:
        if one := self._on_socket():
            for _ in range(220):
                await one.send({"ping": 1})
            await one.send("{")
            before = self.refused
            await one.until(lambda: self.refused > before)

    @property
    def refused(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("frames_refused"))

    async def posted(self) -> None:
        for frame in ({"ping": 1}, self.choose.choice([one for one in BAD_FRAMES if "send" in one])):
            self._answered(await self.http.post(f"{self.server.http}/sse/broadcast", json=frame))

    async def asked_for_no_stream(self) -> None:
        query = self.choose.choice(["channel=closed:1", "channel=missing:1", "channel=a b", "last=x"])
        self._answered(await self.http.get(f"{self.server.http}/sse/broadcast?{query}"))

    def _answered(self, answer: httpx2.Response) -> None:
        if "error" in (said := answer.json()):
            self.counts[f"frames_refused_total{{{said['error']['code']}}}"] += 1

    # -- the store

    async def lost_its_history(self) -> None:
        self.faults.reset(self.choose.choice([*CHANNELS, "all"]))

    async def end(self) -> None:
        """The server stops: everybody is sent away."""
        await self.server.acall(self.backend.close)
        for one in self.visitors:
            await one.until(lambda: False)
            assert one.code == 1012
        self.visitors = []
        await self.http.aclose()


OFTEN = ["published", "published", "published_otherwise", "came", "came_back", "left", "sent_bad_frames", "posted"]
ONCE_EACH = ["was_slow", "sent_too_much", "waited", "expired"]
NOW_AND_THEN = ["broke_the_protocol", "sent_away", "asked_for_no_stream", "lost_its_history", "sent_bad_frames"]


def script(steps: int, choose: random.Random) -> Iterator[str]:
    for n in range(steps):
        yield "came" if n < 4 else ONCE_EACH[n // 20 % 4] if n % 20 == 10 else choose.choice(OFTEN + NOW_AND_THEN)


async def run(steps: int, seed: int) -> None:
    backend, meters = application(), Meters()
    backend._instance.counters.pace = 0  # a value for each turn
    with serving_backend(backend) as server:
        hour = Hour(backend, server, meters, seed)
        for name in script(steps, random.Random(seed)):
            fault: Callable[[], Awaitable[object]] = getattr(hour, name)
            await fault()
            await hour.settle()
            await hour.agree()
        await hour.come()
        turns = meters.read()["publish_to_write_seconds"]
        for _ in range(10):
            await hour.settle()  # each is published in a turn of its own
        assert meters.read()["publish_to_write_seconds"] == turns + 10
        await hour.end()
        await hour.agree()


@pytest.mark.lanes("slow", "fast")
async def test_meters_agree_with_what_clients_count() -> None:
    await run(120, seed=1)


@pytest.mark.soak
@pytest.mark.lanes("slow", "fast")
@pytest.mark.parametrize("seed", range(2, 7))
async def test_meters_agree_after_an_hour(seed: int) -> None:
    await run(3_600, seed)
