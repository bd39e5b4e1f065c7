"""Follow channels of a running server from a terminal, through every break, without losing an event."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from math import isfinite
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from pattern_stack.loopback import is_loopback

_FINAL = {1002, 1007, 1008, 1009, 4401, 4403}
"""Close codes after which another connection would end the same way."""
_LONGEST_PAUSE, _LONGEST_ASKED = 30.0, 300.0

Message = dict[str, Any]
Say = Callable[[str], None]


class Stopped(Exception):
    """The channels cannot be followed, and another try would not change that."""


class Tail:
    """Follows channels, and reconnects by itself. Positions are kept, so that a reconnect recovers what was missed.

    `say` is told, in a line each, what is followed, refused or lost, and why a connection ended; `unreachable`, why there is
    none: once, however often it is tried. A server on this machine is never asked through a proxy; others are, as the environment
    says, unless `proxy` is False.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        say: Say,
        *,
        unreachable: Say | None = None,
        token: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        proxy: bool = True,
    ) -> None:
        self._url = url
        self._channels = list(channels)
        self._say = say
        self._unreachable = unreachable or say
        self._token = token
        self._headers = headers
        self._proxy: Literal[True] | None = True if proxy and not is_loopback(urlsplit(url).hostname or "") else None
        self._positions: dict[str, Message] = {}
        self._refused: list[str] | None = None
        """Refusals before the reply to a subscription, which says whether they are all there is."""
        self._failures = 0
        self._said = ""

    async def events(self) -> AsyncGenerator[Message]:
        """Every event, in order. Raises Stopped."""
        while True:
            try:
                async with connect(
                    self._url, max_size=None, additional_headers=self._headers, proxy=self._proxy
                ) as socket:
                    await self._subscribe(socket)
                    async for data in socket:
                        for event in self._read(data):
                            yield event
                await self._closed(socket.close_code, socket.close_reason)
            except ConnectionClosed as closed:
                received = closed.rcvd
                await self._closed(received.code if received else 1006, received.reason if received else "")
            except InvalidStatus as error:
                await self._answered(error)
            except (ImportError, InvalidProxy, InvalidURI, UnicodeError) as error:
                raise Stopped(f"cannot connect to {self._url}: {error}") from error
            except (OSError, InvalidHandshake, TimeoutError) as error:
                await self._away(str(error) or type(error).__name__)

    async def _subscribe(self, socket: ClientConnection) -> None:
        self._refused = []
        if self._token is not None:
            await socket.send(orjson.dumps({"auth": self._token}).decode())
        frame = {"subscribe": self._channels, "since": self._positions, "id": 1}
        await socket.send(orjson.dumps(frame).decode())

    # -- frames

    def _read(self, data: str | bytes) -> list[Message]:
        try:
            return self._apply(dict(orjson.loads(data)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Stopped(f"{self._url} does not speak this protocol: {data[:80]!r}") from error

    def _apply(self, message: Message) -> list[Message]:
        if "channel" in message:
            return self._event(message["channel"], message["event"], message)
        if "subscribed" in message:
            self._subscribed(message["subscribed"])
        elif "reset" in message:
            for channel, position in message["reset"].items():
                self._lost(channel, position)
        elif "error" in message:
            self._refuse(message["error"])
        return []

    def _subscribed(self, subscribed: Message) -> None:
        self._failures, self._said = 0, ""
        refused, self._refused = self._refused or [], None
        if not subscribed:
            raise Stopped("; ".join(refused) or "none of these channels may be followed")
        for refusal in refused:
            self._say(refusal)
        self._say(f"following {', '.join(subscribed)} on {self._url}")
        for channel, told in subscribed.items():
            position = {"epoch": told["epoch"], "offset": told["offset"]}
            if told.get("recovered") is False:  # said here, for the connection may break before the reset
                self._lost(channel, position)
            self._positions[channel] = position

    def _lost(self, channel: str, position: Message) -> None:
        if self._positions.get(channel) != position:
            self._say(f"continuity was lost: {channel}")
            self._positions[channel] = position

    def _refuse(self, error: Message) -> None:
        """An error with a channel drops that channel; one without is fatal."""
        text = f"{error['code']}: {error['message']}"
        if "channel" not in error:
            raise Stopped(text)
        refusal = f"{error['channel']}: {text}"
        if self._refused is None:
            self._say(refusal)
        else:
            self._refused.append(refusal)

    def _event(self, channel: str, name: str, event: Message) -> list[Message]:
        if channel not in self._channels:  # every connection is on some that it did not ask for
            return []
        position = self._positions.get(channel)
        if position is None or name == "snapshot" or "offset" not in event:
            return [event]
        if event["offset"] <= position["offset"]:
            return []
        position["offset"] = event["offset"]
        return [event]

    # -- pauses

    async def _answered(self, error: InvalidStatus) -> None:
        """The server has answered the handshake with an HTTP status. Without an endpoint that is 403, too."""
        response = error.response
        reason = f"HTTP {response.status_code}"
        if response.status_code == 429 or response.status_code >= 500:
            await self._away(reason, _seconds(response.headers.get("Retry-After", "")))
            return
        if response.status_code in (401, 403) and response.body:
            raise Stopped(f"{self._url} refuses: {reason} {bytes(response.body).decode(errors='replace')[:200]}")
        raise Stopped(f"no broadcast endpoint at {self._url}: {reason}")

    async def _away(self, reason: str, asked: float | None = None) -> None:
        if reason != self._said:
            self._said = reason
            self._unreachable(f"cannot reach {self._url}: {reason}; trying again")
        await asyncio.sleep(self._delay(asked))

    async def _closed(self, code: int | None, reason: str | None) -> None:
        if code in _FINAL:
            raise Stopped(f"{code} {reason}")
        name, _, seconds = (reason or "").partition("=")
        delay = self._delay(_seconds(seconds) if name == "retry-after" else None)
        self._say(f"{reason or 'the connection broke'} ({code}), again in {delay:.1f} s")
        await asyncio.sleep(delay)

    def _delay(self, asked: float | None) -> float:
        """Seconds: as the server asks for, else growing, with jitter."""
        delay = asked if asked is not None else min(2**self._failures, _LONGEST_PAUSE) * random.uniform(0.5, 1)
        self._failures = min(self._failures + 1, 5)
        return delay


def _seconds(text: str) -> float | None:
    """A server's wish, bounded. None where it is not a number, as the dates that Retry-After may have."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_ASKED) if isfinite(seconds) else None
