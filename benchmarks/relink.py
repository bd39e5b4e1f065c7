"""Many channels of one subscriber each over Redis: how long until all are subscribed, and again after the link was cut.

relink PORT PID CLIENTS CHANNELS: CLIENTS sockets share the channels and subscribe to theirs with one frame each. Then Redis
kills the instance's connections. It is over when Redis has all subscriptions again and the instance says that it is in
step; then an event on each channel has to arrive once. Prints a JSON object: seconds, and the instance's CPU seconds.
Fails where a subscription or an event is missing."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from http.client import HTTPConnection

import psutil
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 30  # seconds


class Watch:
    """Seconds that went by, and CPU seconds of a process."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._began, self._cpu = time.monotonic(), self._used()

    def read(self, name: str) -> dict[str, float]:
        return {name: time.monotonic() - self._began, f"{name}_cpu": self._used() - self._cpu}

    def _used(self) -> float:
        user, system, *_ = self._process.cpu_times()
        return float(user + system)


async def subscribe(sockets: list[ClientConnection], shares: list[list[str]]) -> None:
    for socket, share in zip(sockets, shares, strict=True):
        await socket.send(json.dumps({"subscribe": share, "id": 1}))
    for socket, share in zip(sockets, shares, strict=True):
        reply = json.loads(await socket.recv())
        assert reply["subscribed"].keys() == set(share), reply


async def cut_and_wait(redis: Redis, port: str, channels: int) -> None:
    """Redis has forgotten the subscriptions when the command is answered."""
    for kind in ("pubsub", "normal"):
        redis.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    while redis.info("stats")["pubsub_channels"] < channels or await asyncio.to_thread(trouble, port):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def trouble(port: str) -> str | None:
    connection = HTTPConnection("127.0.0.1", int(port))
    connection.request("GET", "/trouble")
    told: str | None = json.load(connection.getresponse())
    connection.close()
    return told


async def check_every_channel(sockets: list[ClientConnection], port: str, channels: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/control") as control:
        await control.send(f"1 {channels} together")
        got = Counter(
            [json.loads(await socket.recv())["channel"] for socket in sockets for _ in range(channels // len(sockets))]
        )
    assert len(got) == channels, f"events of {len(got)} channels came"


async def main(port: str, pid: str, clients: int, channels: int) -> None:
    redis, process = Redis.from_url(os.environ["REDIS_URL"]), psutil.Process(int(pid))
    names = list(map(str, range(channels)))
    shares = [names[first::clients] for first in range(clients)]
    sockets = [await connect(f"ws://127.0.0.1:{port}/ws/broadcast", max_queue=None) for _ in shares]
    async with asyncio.timeout(PATIENCE):
        watch = Watch(process)
        await subscribe(sockets, shares)
        figures = watch.read("subscribed")
        watch = Watch(process)
        await cut_and_wait(redis, port, channels)
        figures |= watch.read("resubscribed")
        await check_every_channel(sockets, port, channels)
    print(json.dumps(figures))
    await asyncio.gather(*(socket.close() for socket in sockets))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
