"""Follows channels over as many connections as it takes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing

import orjson

from pattern_stack.atoms.broadcast.core.event import Event, Position, Since
from pattern_stack.atoms.printable import printable
from pattern_stack.client.backoff import Backoff, asked_by
from pattern_stack.client.errors import (
    EXPIRED,
    FINAL,
    TEMPORARY,
    Closed,
    NotOpened,
    Reset,
    final_close,
    refusal_of,
)
from pattern_stack.client.link import Incoming, Link, Message, Wish
from pattern_stack.client.outage import Outage, logger
from pattern_stack.client.positions import Positions
from pattern_stack.client.requests import Requests
from pattern_stack.client.route import Route
from pattern_stack.client.socket import SETTLED
from pattern_stack.client.tokens import Tokens
from pattern_stack.errors import BroadcastError, Unauthenticated

_NOWHERE = Position("", 0)
_SHOWN = 80
_RENEWALS = 2
"""Tokens in a row that the server may refuse before the client gives up."""


class Ended(Exception):
    """The application ended the last of the channels."""


class Follower:
    """Of some channels, over one connection. It reconnects, recovers and renews by itself; what another try would not change,
    it raises. A channel that is refused, or has ended, is dropped with a line of the log where others are left.

    `ephemeral`: what has no place in the order is yielded too.
    """

    def __init__(
        self,
        route: Route,
        tokens: Tokens,
        channels: Sequence[str],
        since: Mapping[str, Since],
        requests: Requests | None = None,
        *,
        ephemeral: bool = False,
    ) -> None:
        self._route = route
        self._tokens = tokens
        self._channels = list(dict.fromkeys(channels))
        self._requests = requests
        self._ephemeral = ephemeral
        self._positions = Positions(since)
        self._backoff = Backoff()
        self._refused = 0
        self._refresh: list[str] = []
        """Channels whose snapshots are to be asked for."""
        names = ", ".join(self._channels)
        self._outage = Outage(f"cannot follow {names} on {route.shown}", f"following {names} again")
        self._joined = False
        """The open connection is on a channel."""

    async def events(self) -> AsyncGenerator[Event | Reset]:
        """Until the last channel ends. Raises BroadcastError."""
        while True:
            token = await self._tokens.current()
            try:
                async with self._route.open(Wish(tuple(self._channels), self._positions.since, token)) as link:
                    self._positions.connected()
                    self._joined = False
                    try:
                        async with aclosing(self._frames(link, token)) as frames:
                            async for one in frames:
                                yield one
                    finally:
                        await self._let_go()
            except Ended:
                return
            except Closed as closed:
                await self._closed(closed, token)
            except NotOpened as error:
                self._route.outage.goes_on(str(error))
                await asyncio.sleep(self._backoff.next(error.retry_after))
            except Unauthenticated as error:
                await self._renew(token, error)

    async def _let_go(self) -> None:
        """While the link is still there: what is being sent on it ends first."""
        if self._requests:
            await self._requests.disconnected()

    async def _frames(self, link: Link, token: str | None) -> AsyncGenerator[Event | Reset]:
        while True:
            incoming = await self._receive(link, token)
            if incoming is None:
                token = await self._tokens.current()
                await link.send({"auth": token})
                continue
            for one in self._understood(incoming, link):
                yield one
            self._positions.settle(incoming.settled)
            if self._refresh:
                refresh, self._refresh = self._refresh, []
                await link.send({"refresh": refresh})

    async def _receive(self, link: Link, token: str | None) -> Incoming | None:
        """None when the token is to be renewed."""
        renew_in = self._tokens.renew_in if token is not None else None
        if renew_in is None:
            return await link.receive()
        try:
            async with asyncio.timeout(renew_in):
                return await link.receive()
        except TimeoutError:
            await self._tokens.renew(token)
            if not link.is_two_way:
                raise Closed(1000, "renewed") from None
            return None

    # -- frames

    def _understood(self, incoming: Incoming, link: Link) -> list[Event | Reset]:
        try:
            return list(self._take(orjson.loads(incoming.data), incoming.data, link))
        except BroadcastError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            data = incoming.data[:_SHOWN]
            raise BroadcastError(f"{self._route.shown} does not speak this protocol: {data!r}") from error

    def _take(self, message: Message, data: bytes, link: Link) -> Iterator[Event | Reset]:
        if "channel" in message:
            yield from self._event(message, data)
        elif "reset" in message:
            yield from self._resets(message["reset"], link)
        elif "error" in message:
            self._error(message)
        elif "subscribed" in message:
            self._subscribed(message["subscribed"], link)
        elif "close" in message:
            raise Closed(message["close"]["code"], message["close"]["reason"])
        elif message.get("pong") == SETTLED:
            self._positions.settle()
        elif "unsubscribed" in message:
            for channel in message["unsubscribed"]:
                self._drop(channel, Ended(f"{channel} has ended"))
        elif self._requests:
            self._requests.reply(message)

    def _event(self, message: Message, data: bytes) -> Iterator[Event]:
        channel, name = message["channel"], message["event"]
        if channel not in self._channels:
            return
        if "offset" in message:
            position = self._positions.move(channel, message["offset"], snapshot=name == "snapshot")
        else:
            position = _NOWHERE if self._ephemeral else None
        if position is not None:
            event = Event(channel, b"{}", *position)
            event.data = data
            yield event

    def _resets(self, places: Mapping[str, Message], link: Link) -> Iterator[Reset]:
        for channel, place in places.items():
            if channel in self._channels:
                position = Position(place["epoch"], place["offset"])
                if self._positions.reset(channel, position) and link.is_two_way:
                    self._refresh.append(channel)
                yield Reset(channel, position)

    def _subscribed(self, places: Mapping[str, Message], link: Link) -> None:
        found = [channel for channel in self._channels if channel in places]
        if not found:
            return  # the errors that say why have come before
        for channel in found:
            place = places[channel]
            position = Position(place["epoch"], place["offset"])
            self._positions.tell(channel, position, recovered=place.get("recovered") is True)
        self._joined = True
        self._route.outage.is_over()
        self._outage.is_over()
        logger.debug("following %s on %s", ", ".join(found), self._route.shown)
        self._backoff.succeeded()
        self._refused = 0
        if self._requests:
            self._requests.connected(link)

    def _drop(self, channel: str, why: Exception) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
            self._positions.drop(channel)
            if not self._channels:
                raise why
            logger.warning("%s", why)

    def _error(self, message: Message) -> None:
        error = message["error"]
        if self._requests and self._requests.reply(message):
            return
        if error["code"] in TEMPORARY or error["code"] == "internal":
            self._outage.goes_on(f"{error['code']}: {error['message']}")
            raise Closed(1013, f"retry-after={error['retry_after']}" if "retry_after" in error else error["message"])
        channel = error.get("channel")
        refusal = refusal_of(error["code"], error["message"], channel)
        if channel is None:
            raise refusal
        self._drop(channel, refusal)

    # -- ends

    async def _closed(self, closed: Closed, token: str | None) -> None:
        if closed.code == EXPIRED:
            await self._renew(token, final_close(closed))
        elif closed.code in FINAL:
            raise final_close(closed)
        elif closed.code != 1000 or closed.reason != "renewed":
            if not self._joined:
                self._outage.goes_on(str(closed))
            delay = self._backoff.next(asked_by(closed.reason))
            why = printable(closed.reason) or "the connection broke"
            logger.debug("%s (%d), again in %.1f s", why, closed.code, delay)
            await asyncio.sleep(delay)

    async def _renew(self, token: str | None, error: BroadcastError) -> None:
        """Raises the error where there is no other token."""
        self._refused += 1
        if self._refused > _RENEWALS or not await self._tokens.renew(token):
            raise error
        await asyncio.sleep(self._backoff.next() if self._refused > 1 else 0)
