"""What one instance publishes, and the window of what was published."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Protocol

from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position
from pattern_stack.atoms.broadcast.core.hub import Hub

# A publisher that never waits would keep what it published from leaving: past this it yields to the loop once.
_TURN_EVENTS = 64
_TURN_BYTES = 256 * 1024


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
        self._check_awaited(drafts)
        events = await self._source.engine.publish(drafts)
        if self._source.on_published is not None:
            self._source.on_published(events)
        await self._yield_if_much(drafts)
        return events

    async def send(self, drafts: Sequence[Draft]) -> None:
        """Ephemeral events."""
        self._check_awaited(drafts)
        await self._source.engine.send(drafts)
        await self._yield_if_much(drafts)

    async def publish_or_send(self, drafts: Sequence[Draft]) -> list[Event | None]:
        """One after the other. None stands for an ephemeral one."""
        events: list[Event | None] = []
        for ephemeral, run in groupby(drafts, lambda draft: draft.ephemeral):
            some = list(run)
            if ephemeral:
                await self.send(some)
                events += [None] * len(some)
            else:
                events += await self.publish(some)
        return events

    def _check_awaited(self, drafts: Sequence[Draft]) -> None:
        """Raises BroadcastClosed; what nobody waits for was taken before, and is published still."""
        if not _is_patient(drafts):
            self._source.check_open()

    async def _yield_if_much(self, drafts: Sequence[Draft]) -> None:
        if _is_patient(drafts):  # in the middle of a call that must not wait
            return
        if self._hub.pending_events >= _TURN_EVENTS or self._hub.pending_bytes >= _TURN_BYTES:
            await asyncio.sleep(0)

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


def _is_patient(drafts: Sequence[Draft]) -> bool:
    return bool(drafts) and all(draft.patient for draft in drafts)
