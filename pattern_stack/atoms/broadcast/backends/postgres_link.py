"""What every statement of a PostgresStore needs: its link, its tables, and the channels that are followed."""

import logging
from typing import Any
from zlib import crc32

from pattern_stack.atoms.broadcast.backends.postgres_messages import Messages
from pattern_stack.atoms.broadcast.backends.postgres_schema import Schema
from pattern_stack.atoms.broadcast.backends.postgres_sweeper import Sweeper
from pattern_stack.atoms.broadcast.bridge.linked_store import LinkedStore
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.postgres import Failed, Link, LinkDown, Row, Run, Server, ServerRejected, in_short
from pattern_stack.errors import BroadcastUnavailable

_log = LogEvery(logging.getLogger(__name__))

_TOPICS = 1024
"""A server looks through all names that a session listens to for each message: channels share so many."""


class Statements(LinkedStore):
    """Follows channels over a link, and carries statements out over it."""

    SERVER, DOWN, REJECTED, FAILED = "PostgreSQL", LinkDown, ServerRejected, (Failed,)

    def __init__(self, url: str, prefix: str) -> None:
        super().__init__()
        self._schema = Schema(prefix)
        self._link = Link(url, self, self._schema.name)
        self._messages = Messages(self)
        self._sweeper = Sweeper(self.carry_out)
        self._life = ""
        self._followed: dict[str, set[str]] = {}
        """The channels of each topic that is listened to."""

    @property
    def unavailable_reason(self) -> str | None:
        return self._link.trouble or self._sweeper.trouble

    @property
    def link(self) -> Link:
        return self._link

    def _in_short(self, error: Exception) -> str:
        return in_short(error)

    async def start(self) -> None:
        """What publishes alone begins without it, and without the sessions for messages."""
        self._link.listens = True
        await super().start()

    async def _end(self) -> None:
        await self._sweeper.stop()
        await super()._end()
        self._messages.stop()

    def forget_loop(self) -> None:
        super().forget_loop()
        self._messages.forget()
        self._sweeper.forget()
        self._followed.clear()

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
