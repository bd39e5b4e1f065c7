"""Clients that count what they see. What meters say is compared with their sums."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.patience import PATIENCE
from tests.support.stream import Stream, stream

Place = dict[str, Any]
Counts = Counter[str]


class Visitor:
    """A client that reads all it is sent, by socket or by stream. `counts` has the names of the meters."""

    def __init__(self, counts: Counts, channels: list[str]) -> None:
        self.counts = counts
        self.channels = channels
        self.places: dict[str, Place] = {}
        self.marker = 0
        self.code: int | None = None
        """What its connection was closed with."""
        self.socket: ClientConnection | None = None
        self.id: str | None = None
        self._asked: set[str] = set()
        self._lost: set[str] = set()
        self._moved = asyncio.Event()
        self._reading: asyncio.Task[None]

    @property
    def is_on(self) -> bool:
        return self.code is None

    async def until(self, is_it: Callable[[], bool]) -> None:
        """Until it holds, or the connection is gone."""
        async with asyncio.timeout(PATIENCE):
            while not is_it() and self.is_on:
                self._moved.clear()
                await self._moved.wait()
        if self._reading.done() and not self._reading.cancelled():
            self._reading.result()

    # -- connections

    async def join(self, url: str) -> None:
        """On its channels, where it is not refused; where it was, it recovers."""
        self.code, self._asked = None, set(self.places)
        over = self._over_socket if url.startswith("ws") else self._over_stream
        self._reading = asyncio.create_task(over(url))
        await self.until(lambda: not self._asked and "all" in self.places)

    async def _over_socket(self, url: str) -> None:
        self.socket = await connect(url, max_size=None, proxy=None, ping_interval=None, open_timeout=PATIENCE)
        with suppress(ConnectionClosed):
            since = {name: self.places[name] for name in self._asked}
            await self.send({"subscribe": self.channels, "since": since, "id": 0})
        try:
            while True:
                self._take(await self.socket.recv(decode=False))
        except ConnectionClosed as closed:
            self._end(closed.rcvd.code if closed.rcvd else 1006)

    async def _over_stream(self, http: str) -> None:
        code = 1006
        try:
            async with stream(http, *self.channels, id=self.id) as here:
                code = await self._read(here)
        finally:
            self._end(code)

    async def _read(self, here: Stream) -> int:
        with suppress(httpx2.TransportError):
            while True:
                message = await here.receive(timeout=1_000)
                self.id = here.id
                if "close" in message:
                    return int(message["close"]["code"])
                self._take(here.raw)
        return 1006

    async def send(self, frame: Any) -> None:
        assert self.socket
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def leave(self, code: int = 1006) -> None:
        """By a close with that code; with 1006, and from a stream, without one."""
        if self.socket and code != 1006:
            await self.socket.close(code)
            await self._reading
        elif self.socket:
            self.socket.transport.abort()
            await self._reading
        else:
            self._reading.cancel()
            await asyncio.wait((self._reading,))

    async def end(self) -> None:
        self._reading.cancel()
        await asyncio.wait((self._reading,))

    # -- what it sees

    def _end(self, code: int) -> None:
        self.code = code
        self.counts[f"closes_total{{{code}}}"] += 1
        self.counts["slow_consumers_total"] += code == 4408
        self._moved.set()

    def _take(self, data: bytes) -> None:
        message = json.loads(data)
        if "channel" in message:
            self._event(message, len(data))
        elif "reset" in message:
            for channel, place in message["reset"].items():
                self.counts[f"resets_total{{{'history' if channel in self._lost else 'store'}}}"] += 1
                self._lost.discard(channel)
                self.places[channel] = place
        elif "subscribed" in message:
            for channel, told in message["subscribed"].items():
                self._joined(channel, told)
        elif "error" in message:
            self.counts[f"frames_refused_total{{{message['error']['code']}}}"] += 1
        self._moved.set()

    def _event(self, message: dict[str, Any], size: int) -> None:
        if message["event"] != "snapshot":
            self.counts["events_delivered_total"] += 1
            self.counts["delivered_bytes_total"] += size
        if "offset" in message:
            self.places[message["channel"]]["offset"] = message["offset"]
        self.marker = message["payload"].get("marker", self.marker)

    def _joined(self, channel: str, told: Place) -> None:
        if channel in self._asked:
            self.counts[f"recoveries_total{{{'recovered' if told['recovered'] else 'reset'}}}"] += 1
            if not told["recovered"]:
                self._lost.add(channel)
        self._asked.discard(channel)
        self.places[channel] = {"epoch": told["epoch"], "offset": told["offset"]}
