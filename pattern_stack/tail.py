"""Follow channels of a running server from a terminal, through every break, without losing an event."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Response

_STOP = {1002, 1007, 1008, 1009, 4401, 4403}
_LONGEST = 30.0

Message = dict[str, Any]
Say = Callable[[str], None]


class Stopped(Exception):
    """The server says that coming back is of no use."""


class Tail:
    """Positions are kept, so that a reconnect recovers what was missed."""

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        say: Say,
        *,
        token: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._url = url
        self._channels = list(channels)
        self._say = say
        self._token = token
        self._headers = headers
        self._positions: dict[str, Message] = {}
        self._failures = 0

    async def events(self) -> AsyncIterator[Message]:
        """Every event, in order. Raises Stopped."""
        while True:
            try:
                async with connect(self._url, max_size=None, additional_headers=self._headers) as socket:
                    await self._greet(socket)
                    async for data in socket:
                        for event in self._read(orjson.loads(data)):
                            yield event
                await self._pause(socket.close_code, socket.close_reason)
            except ConnectionClosed as closed:
                received = closed.rcvd
                await self._pause(received.code if received else 1006, received.reason if received else "")
            except InvalidStatus as error:
                await self._refused_by_http(error.response)
            except (OSError, InvalidHandshake, TimeoutError) as error:
                await self._pause(1006, f"cannot reach {self._url}: {error}")

    async def _refused_by_http(self, response: Response) -> None:
        status, after = response.status_code, response.headers.get("Retry-After", "")
        if status in (401, 403) and (refusal := _refusal(response)):
            raise Stopped(f"{self._url} answers HTTP {status}: {refusal}")
        if status < 500 and status != 429:
            raise Stopped(f"no broadcast endpoint at {self._url}: HTTP {status}")
        await self._pause(1013, f"retry-after={after}" if after.isdigit() else f"HTTP {status}")

    async def _greet(self, socket: ClientConnection) -> None:
        if self._token is not None:
            await socket.send(orjson.dumps({"auth": self._token}).decode())
        hello = {"subscribe": self._channels, "since": self._positions, "id": 1}
        await socket.send(orjson.dumps(hello).decode())

    def _read(self, message: Message) -> list[Message]:
        if "channel" in message:
            return self._event(message)
        if "subscribed" in message:
            self._failures = 0
            if not message["subscribed"]:
                raise Stopped("none of these channels may be followed")
            self._say(f"following {', '.join(message['subscribed'])} on {self._url}")
            for channel, told in message["subscribed"].items():
                position = {"epoch": told["epoch"], "offset": told["offset"]}
                if told.get("recovered") is False:  # said here, for the connection may break before the reset
                    self._lost(channel, position)
                self._positions[channel] = position
        elif "reset" in message:
            for channel, position in message["reset"].items():
                self._lost(channel, position)
        elif "error" in message:
            self._refused(message["error"])
        return []

    def _lost(self, channel: str, position: Message) -> None:
        if self._positions.get(channel) != position:
            self._say(f"continuity was lost: {channel}")
            self._positions[channel] = position

    def _refused(self, error: Message) -> None:
        """One channel's refusal leaves the others; a frame's leaves nothing."""
        text = f"{error['code']}: {error['message']}"
        if "channel" not in error:
            raise Stopped(text)
        self._say(f"{error['channel']}: {text}")

    def _event(self, event: Message) -> list[Message]:
        if event["channel"] not in self._channels:  # the server puts everyone on some
            return []
        position = self._positions.get(event["channel"])
        if position is None or event["event"] == "snapshot":
            return [event]
        if event["offset"] <= position["offset"]:
            return []
        position["offset"] = event["offset"]
        return [event]

    async def _pause(self, code: int | None, reason: str | None) -> None:
        if code in _STOP:
            raise Stopped(f"{code} {reason}")
        named = re.fullmatch(r"retry-after=(\d+(?:\.\d+)?)", reason or "")
        delay = float(named[1]) if named else min(2**self._failures, _LONGEST) * random.uniform(0.5, 1)
        self._failures = min(self._failures + 1, 5)
        self._say(f"{reason or 'the connection broke'} ({code}), again in {delay:.1f} s")
        await asyncio.sleep(delay)


def _refusal(response: Response) -> str | None:
    """What a broadcast endpoint says to a handshake that it refuses; None where another answers."""
    try:
        return str(orjson.loads(response.body or b"")["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return None
