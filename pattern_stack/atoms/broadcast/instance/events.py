"""What one instance publishes, and the window of what was published."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position
from pattern_stack.atoms.broadcast.core.hub import Hub

# A publisher that never waits would keep what it published from leaving: past this it yields to the loop once.
_TURN_EVENTS = 64
_TURN_BYTES = 256 * 1024
_IS_PATIENT = attrgetter("patient")


class Source(Protocol):
    """What it uses of the instance."""

    engine: Engine
    on_published: Callable[[Sequence[Event]], None] | None

    def check_open(self) -> None: ...

    async def catch_up(self, channel: str, position: Position | None) -> bool: ...


class InstanceEvents:
    """Only the loop that owns the hub uses it."""

    def __init__(self, source: Source, hub: Hub) -> None:
        self._source = source
        self._hub = hub

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        is_awaited = self._check_awaited(drafts)
        events = await self._source.engine.publish(drafts)
        if self._source.on_published is not None:
            self._source.on_published(events)
        if is_awaited and self._is_much:
            await asyncio.sleep(0)
        return events

    async def send(self, drafts: Sequence[Draft]) -> None:
        """Ephemeral events."""
        is_awaited = self._check_awaited(drafts)
        await self._source.engine.send(drafts)
        if is_awaited and self._is_much:
            await asyncio.sleep(0)

    async def publish_or_send(self, drafts: Sequence[Draft]) -> list[Event | None]:
        """One after the other. None stands for an ephemeral one."""
        events: list[Event | None] = []
        if len(drafts) == 1 and not drafts[0].ephemeral:
            return [*await self.publish(drafts)]
        for ephemeral, run in groupby(drafts, lambda draft: draft.ephemeral):
            some = list(run)
            if ephemeral:
                await self.send(some)
                events += [None] * len(some)
            else:
                events += await self.publish(some)
        return events

    def _check_awaited(self, drafts: Sequence[Draft]) -> bool:
        """Whether somebody waits for them: a call that nobody waits for must not wait itself. Raises BroadcastClosed; what
        nobody waits for was taken before, and is published still."""
        is_awaited = not drafts or not drafts[0].patient or not all(map(_IS_PATIENT, drafts))
        if is_awaited:
            self._source.check_open()
        return is_awaited

    @property
    def _is_much(self) -> bool:
        return self._hub.pending_events >= _TURN_EVENTS or self._hub.pending_bytes >= _TURN_BYTES

    async def history(self, channel: str, last: int) -> list[Event]:
        """The newest events of the channel's window, the oldest first."""
        self._source.check_open()
        async with self._in_step(channel) as engine:
            return await engine.last(channel, last, engine.position(channel))

    async def deliver_all(self, channel: str) -> None:
        """Deliver to those who are on the channel here all that was published on it before, wherever. Raises
        BroadcastUnavailable.

        A publish returns once the store has taken the event: it may be on its way to this instance still.
        """
        if self._hub.hears(channel):
            async with self._in_step(channel):
                pass

    @asynccontextmanager
    async def _in_step(self, channel: str) -> AsyncIterator[Engine]:
        engine = self._source.engine
        await engine.subscribe(channel)
        try:
            await self._source.catch_up(channel, None)
            yield engine
        finally:
            engine.unsubscribe(channel)
