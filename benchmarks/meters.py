"""What meters cost a delivery: CPU time with an SDK that collects them, and without any, alternately in this process. What
reading them costs is not part of it: it does not grow with deliveries."""

import asyncio
import socket
import time

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.event import Event
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.instance.meters import _recorders as recorders
from pattern_stack.atoms.broadcast.instance.meters import create_meters
from pattern_stack.atoms.broadcast.websocket.frames import Batch

SUBSCRIBERS = 200
EVENTS = 50
"""One event a turn, each to all subscribers."""
ROUNDS = 60
BODY = b'{"channel":"a","event":"created","payload":{"entity_id":"00000000"},"timestamp":"2026-01-01T00:00:00Z"}'


class Uncounted(Counters):
    """Takes no note."""

    def wrote(self, batch: Batch, sockets: int) -> None: ...


class Subscriber:
    """A socket, written to as the fast lane does."""

    limit = 1_048_576

    def __init__(self, transport: asyncio.Transport, peer: socket.socket) -> None:
        self.write_prepared = transport.write
        self._transport = transport
        self._peer = peer

    def drain(self) -> None:
        self._peer.recv(1_048_576)

    def close(self) -> None:
        self._transport.abort()
        self._peer.close()


async def connected() -> Subscriber:
    ours, peer = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    return Subscriber(transport, peer)


class Crowd:
    def __init__(self, subscribers: list[Subscriber], counters: Counters) -> None:
        self._subscribers = subscribers
        self._hub = Hub(lambda: None, counters=counters)
        for one in subscribers:
            self._hub.join("a", one)  # type: ignore[arg-type]
            self._hub.stop_buffering("a", one)  # type: ignore[arg-type]

    def microseconds(self) -> float:
        """CPU time of one delivery."""
        used = 0.0
        for offset in range(1, EVENTS + 1):
            began = time.process_time()
            self._hub.publish(Event("a", BODY, "e", offset))
            self._hub.flush()
            used += time.process_time() - began
            for one in self._subscribers:
                one.drain()
        return used / EVENTS / len(self._subscribers) * 1e6


async def measure() -> tuple[float, float]:
    subscribers = [await connected() for _ in range(SUBSCRIBERS)]
    reader, counters = InMemoryMetricReader(), Counters()
    create_meters(MeterProvider([reader]).get_meter("bench"))
    counters.recorders = recorders
    with_meters, without = Crowd(subscribers, counters), Crowd(subscribers, Uncounted())
    found: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        for times, crowd in zip(found, (with_meters, without), strict=True):
            reader.get_metrics_data()  # it leaves the caches of the processor cold for both
            times.append(crowd.microseconds())
    for one in subscribers:
        one.close()
    await asyncio.sleep(0)  # transports close with a turn of the loop
    return min(found[0]), min(found[1])  # what a busy machine adds is no cost of theirs


def main() -> None:
    counted, plain = asyncio.run(measure())
    more = (counted / plain - 1) * 100
    print(f"Meters: {counted:.3f} µs of CPU a delivery with them, {plain:.3f} without: {more:+.1f} %")


if __name__ == "__main__":
    main()
