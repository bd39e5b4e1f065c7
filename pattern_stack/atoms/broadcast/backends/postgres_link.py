"""What every statement of a PostgresStore needs: its link, its tables, and the channels that are followed."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any
from zlib import crc32

from pattern_stack.atoms.broadcast.backends.postgres_messages import Messages
from pattern_stack.atoms.broadcast.backends.postgres_schema import Schema
from pattern_stack.atoms.broadcast.backends.postgres_sweeper import Sweeper
from pattern_stack.atoms.broadcast.bridge.store import Store
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.postgres import Failed, Link, LinkDown, Row, Run, Server, ServerRejected, in_short
from pattern_stack.errors import BroadcastClosed, BroadcastError, BroadcastUnavailable

_log = LogEvery(logging.getLogger(__name__))

_UNNOTICED = 6.0
"""Seconds within which a link that is silent is found to be broken."""
_TOPICS = 1024
"""A server looks through all names that a session listens to for each message: channels share so many."""


class LinkedStore(Store):
    """Follows channels over a link, and carries statements out over it."""

    def __init__(self, url: str, prefix: str) -> None:
        self._schema = Schema(prefix)
        self._link = Link(url, self, self._schema.name)
        self._messages = Messages(self)
        self._sweeper = Sweeper(self.carry_out)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life = ""
        self._followed: dict[str, set[str]] = {}
        """The channels of each topic that is listened to."""

    @property
    def unavailable_reason(self) -> str | None:
        return self._link.trouble or self._sweeper.trouble

    async def start(self) -> None:
        self._link.listens = True
        await self._begin()

    async def _begin(self) -> None:
        """Without the sessions for messages, where nobody has asked for them."""
        if self.closed:
            raise BroadcastClosed("the bridge was closed")
        running = asyncio.get_running_loop()
        if self._loop is not None and self._loop.is_closed():
            self.forget_loop()
        if self._loop not in (None, running):
            raise BroadcastError("this bridge is in use on another event loop")
        self._loop = running
        try:
            await self._link.start()
        except ServerRejected as error:
            self._loop = None
            raise BroadcastError(f"PostgreSQL at {self._link.place} cannot be used: {error}") from error

    async def stop(self) -> None:
        if self._loop is asyncio.get_running_loop():
            await self._sweeper.stop()
            await self._link.stop()
            self._messages.stop()
            self._loop = None

    def forget_loop(self) -> None:
        self._link.forget()
        self._messages.forget()
        self._sweeper.forget()
        self._followed.clear()
        self._loop = None

    async def connected(self, run: Run, server: Server) -> None:
        await self._schema.install(run, server)
        self._life = server.life

    def notified(self, name: str, data: bytes) -> None:
        self._messages.take(data)

    async def restored(self) -> None:
        self._messages.stop()
        self._sweeper.start()
        await self.resumed()

    async def follow(self, channel: str) -> None:
        await self.start()
        topic = self._topic(channel)
        self._followed.setdefault(topic, set()).add(channel)
        try:
            await self._link.follow(topic)
        except LinkDown as error:
            raise BroadcastUnavailable(str(error)) from error

    def unfollow(self, channel: str) -> None:
        topic = self._topic(channel)
        channels = self._followed.get(topic, set())
        channels.discard(channel)
        if not channels:
            self._followed.pop(topic, None)
            self._link.unfollow(topic)

    def follows(self, channel: str) -> bool:
        return channel in self._followed.get(self._topic(channel), ())

    def _topic(self, channel: str) -> str:
        return f"{self._schema.name}_{crc32(channel.encode()) % _TOPICS}"

    async def carry_out(self, statement: str, *parameters: Any, bulk: bool = False) -> list[Row]:
        """Its rows; `bulk`, where they may be long. Raises LinkDown or Failed."""
        return await self._link.call(self._schema.sql(statement), *parameters, bulk=bulk)

    async def ask(self, statement: str, *parameters: Any, bulk: bool = False) -> list[Row]:
        """The same, again while the link is down. Raises BroadcastUnavailable."""
        rows: list[Row] = await self._patiently(lambda: self.carry_out(statement, *parameters, bulk=bulk))
        return rows

    async def _patiently(self, attempt: Callable[[], Any], patience: float | None = None) -> Any:
        """Again while the link is down. Raises BroadcastUnavailable once it has been down for `patience` seconds, or 6 s
        later where nobody has noticed yet that it is; and where the server will not do it."""
        patience = self.patience if patience is None else patience
        try:
            async with asyncio.timeout(None if patience == math.inf else patience + _UNNOTICED):
                await self._begin()
                while True:
                    try:
                        return await attempt()
                    except LinkDown:
                        await self._link.wait_until_up(patience)
        except TimeoutError:
            raise BroadcastUnavailable(self.unavailable_reason or "PostgreSQL does not answer") from None
        except Failed as error:
            _log.warning("PostgreSQL at %s refused a statement: %s", self._link.place, error)
            raise BroadcastUnavailable(f"PostgreSQL cannot do it: {in_short(error)}") from error
