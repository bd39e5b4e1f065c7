"""Follows channels over as many connections as it takes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from pattern_stack.atoms.broadcast.core.event import Event, Position, Since
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
from pattern_stack.client.outage import Outage
from pattern_stack.client.positions import Positions
from pattern_stack.client.requests import Requests
from pattern_stack.client.route import Route
from pattern_stack.client.socket import SETTLED
from pattern_stack.client.tokens import Tokens
from pattern_stack.errors import BroadcastError, Unauthenticated

_RENEWALS = 2
"""Tokens in a row that the server may refuse before the client gives up."""


class Ended(Exception):
    """The application ended the channel."""


class Follower:
    """Of one channel. It reconnects, recovers and renews by itself; what another try would not change, it raises."""

    def __init__(
        self, route: Route, tokens: Tokens, channel: str, since: Mapping[str, Since], requests: Requests | None = None
    ) -> None:
        self._route = route
        self._tokens = tokens
        self._channel = channel
        self._requests = requests
        self._positions = Positions(since)
        self._backoff = Backoff()
        self._refused = 0
        self._refresh = False
        """A snapshot is asked for, and has not come."""
        self._outage = Outage(f"cannot follow {channel} on {route.shown}", f"following {channel} again")
        self._joined = False
        """The open connection is on the channel."""

    async def events(self) -> AsyncGenerator[Event | Reset]:
        """Until the channel ends. Raises BroadcastError."""
        while True:
            token = await self._tokens.current()
            try:
                async with self._route.open(Wish((self._channel,), self._positions.since, token)) as link:
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
            for one in self._take(incoming, link):
                yield one
            self._positions.settle(incoming.settled)
            if self._refresh:
                self._refresh = False
                await link.send({"refresh": [self._channel]})

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

    def _take(self, incoming: Incoming, link: Link) -> Iterator[Event | Reset]:
        message: dict[str, Any] = orjson.loads(incoming.data)
        if "channel" in message:
            yield from self._event(message, incoming.data)
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
        elif self._channel in message.get("unsubscribed", ()):
            raise Ended
        elif self._requests:
            self._requests.reply(message)

    def _event(self, message: Message, data: bytes) -> Iterator[Event]:
        if message["channel"] != self._channel or "offset" not in message:
            return
        is_snapshot = message["event"] == "snapshot"
        position = self._positions.move(self._channel, message["offset"], snapshot=is_snapshot)
        if position is not None:
            event = Event(self._channel, b"{}", *position)
            event.data = data
            yield event

    def _resets(self, places: Mapping[str, Message], link: Link) -> Iterator[Reset]:
        if place := places.get(self._channel):
            position = Position(place["epoch"], place["offset"])
            self._refresh = self._positions.reset(self._channel, position) and link.is_two_way
            yield Reset(self._channel, position)

    def _subscribed(self, places: Mapping[str, Message], link: Link) -> None:
        place = places.get(self._channel)
        if place is None:
            return  # the error that says why has come before
        self._joined = True
        self._route.outage.is_over()
        self._outage.is_over()
        self._backoff.succeeded()
        self._refused = 0
        position = Position(place["epoch"], place["offset"])
        self._positions.tell(self._channel, position, recovered=place.get("recovered") is True)
        if self._requests:
            self._requests.connected(link)

    def _error(self, message: Message) -> None:
        error = message["error"]
        if self._requests and self._requests.reply(message):
            return
        if error["code"] in TEMPORARY or error["code"] == "internal":
            self._outage.goes_on(f"{error['code']}: {error['message']}")
            raise Closed(1013, f"retry-after={error['retry_after']}" if "retry_after" in error else error["message"])
        if error.get("channel", self._channel) == self._channel:
            raise refusal_of(error["code"], error["message"], error.get("channel"))

    # -- ends

    async def _closed(self, closed: Closed, token: str | None) -> None:
        if closed.code == EXPIRED:
            await self._renew(token, final_close(closed))
        elif closed.code in FINAL:
            raise final_close(closed)
        elif closed.code != 1000 or closed.reason != "renewed":
            if not self._joined:
                self._outage.goes_on(str(closed))
            await asyncio.sleep(self._backoff.next(asked_by(closed.reason)))

    async def _renew(self, token: str | None, error: BroadcastError) -> None:
        """Raises the error where there is no other token."""
        self._refused += 1
        if self._refused > _RENEWALS or not await self._tokens.renew(token):
            raise error
        await asyncio.sleep(self._backoff.next() if self._refused > 1 else 0)
