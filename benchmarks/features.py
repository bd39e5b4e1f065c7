"""What the features cost sockets that do not use them: instructions, which callgrind counts (valgrind has to be installed).

How many a publish takes does not depend on what else the machine does. Instructions of the kernel are not among them: a write
costs nothing here, so that what a feature adds is a larger part than it is of a real delivery.

python -m benchmarks.features
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pydantic import BaseModel

from pattern_stack import Channel, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.instance.meters import create_meters
from pattern_stack.atoms.broadcast.transports.sse.stream import StreamTransport

CROWDS = (1, 200)
"""Sockets on the channel."""
EVENTS = 500
WARM_UP = 100


class Sink:
    """A socket whose writes cost nothing."""

    lane, queued, write_prepared = "websocket", False, len


class Created(BaseModel):
    id: int


async def nothing(backend: WebSocketBroadcastBackend) -> None: ...


async def metrics(backend: WebSocketBroadcastBackend) -> None:
    create_meters(MeterProvider([InMemoryMetricReader()]).get_meter("bench"))


async def types(backend: WebSocketBroadcastBackend) -> None:
    backend.channel("orders:{tenant}", events={"created": Created})(Channel)
    await backend.broadcast("orders:7", "created", {"id": 7})


async def keys(backend: WebSocketBroadcastBackend) -> None:
    for number in range(1_000):
        await backend.broadcast("orders", "created", {"id": number}, key=str(number))


async def presence(backend: WebSocketBroadcastBackend) -> None:
    backend.channel("room:{name}", presence=True)(Channel)
    instance = backend._instance
    await instance.engine.presence("room:a").join("room:a", "id", "ann")
    await instance.engine.presence("room:a").show("room:a", "id", {"cursor": 7})
    instance.showing["id"] = await join(backend, "room:a")


async def http(backend: WebSocketBroadcastBackend) -> None:
    """A stream on another channel."""

    async def send(message: object) -> None: ...

    await join(backend, "streamed", StreamTransport(send, None))


FEATURES: dict[str, Callable[[WebSocketBroadcastBackend], Awaitable[None]]] = {
    "nothing": nothing,
    "metrics": metrics,
    "types": types,
    "keys": keys,
    "presence": presence,
    "http": http,
}


async def join(backend: WebSocketBroadcastBackend, channel: str, transport: object = Sink) -> Outbox:
    """One more socket on the channel."""
    instance = backend._instance
    outbox = Outbox(transport, Limits().outbox_bytes, None, instance.counters)  # type: ignore[arg-type]
    await instance.engine.subscribe(channel)
    instance.hub.join(channel, outbox)
    instance.hub.stop_buffering(channel, outbox)
    return outbox


async def run(feature: str, sockets: int) -> None:
    """In a process of its own, under callgrind: what is counted are the publishes alone."""
    backend = WebSocketBroadcastBackend(bridge=None)
    async with backend._instance.serving():
        for _ in range(sockets):
            await join(backend, "news")
        await FEATURES[feature](backend)
        await publish(backend, WARM_UP)
        count("on")
        await publish(backend, EVENTS)
        count("off")


async def publish(backend: WebSocketBroadcastBackend, events: int) -> None:
    for _ in range(events):
        await backend.broadcast("news", "created", {"id": 7})
        await asyncio.sleep(0)


def count(switch: str) -> None:
    subprocess.run(["callgrind_control", f"--instr={switch}", str(os.getpid())], check=True, capture_output=True)


def instructions(feature: str, sockets: int) -> float:
    """Of one publish."""
    with tempfile.TemporaryDirectory() as home:
        found = Path(home, "found")
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={found}"]
        command = [*valgrind, sys.executable, "-m", "benchmarks.features", feature, str(sockets)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "0"})
        total = re.search(r"^totals: (\d+)", found.read_text(), re.MULTILINE)
    assert total
    return int(total[1]) / EVENTS


def main() -> None:
    print("Instructions of one publish, beside those of a process in which nothing else is used:")
    for sockets in CROWDS:
        plain = instructions("nothing", sockets)
        print(f"  {sockets} on the channel: {plain:,.0f}")
        for feature in list(FEATURES)[1:]:
            print(f"    {feature:10} {(instructions(feature, sockets) / plain - 1) * 100:+.2f} %", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(run(sys.argv[1], int(sys.argv[2])))
    else:
        main()
