"""Ordered delivery inside the process: one bounded queue a subscription, one call of the handler at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Self

from pattern_stack.atoms.broadcast.base import Handler
from pattern_stack.atoms.broadcast.core.event import Event, Reset
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame
from pattern_stack.errors import TooSlow

logger = logging.getLogger(__name__)


class Listener:
    """A hub's sink and an async iterator of its events.

    It ends after what it holds when it is ended, and with TooSlow after what it holds when `limit` events were waiting.
    """

    write_prepared = None

    def __init__(self, channel: str, limit: int) -> None:
        self.channel = channel
        self.limit = 2**62  # events are held for it for a moment only
        self._limit = limit
        self._events: deque[Event] = deque()
        self._ready = asyncio.Event()
        self._ended = False
        self._too_slow = False

    def prepend(self, events: Sequence[Event | Reset]) -> None:
        """What comes before everything that is taken; it does not count against the limit."""
        for event in events:
            self._add(event)
        self._limit += len(self._events)

    def take(self, batch: Batch, turn: int | None = None) -> None:
        if self._ended:
            return
        for event in batch.frames:
            if self._too_slow or len(self._events) >= self._limit:
                self._too_slow = True
                break
            self._add(event)
        self._ready.set()

    def _add(self, frame: Frame) -> None:
        if isinstance(frame, Event):
            self._events.append(frame)
        else:
            logger.warning("%s: events may be missing here: its history was lost", self.channel)

    def too_slow(self) -> None:
        self._too_slow = True

    def channel_ended(self, channel: str) -> None:
        self.end()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    def stop(self) -> None:
        """End without what still waits."""
        self._events.clear()
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._too_slow:
                raise TooSlow(f"more than {self._limit} events of {self.channel} were waiting")
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft()

    async def run(self, handler: Handler) -> None:
        """Call the handler for each event until the listener ends. What it raises is logged, and the next event goes on."""
        try:
            async for event in self:
                await self._call(handler, event)
        except TooSlow as error:
            logger.error("the subscription of %r ends: %s", handler, error)

    async def _call(self, handler: Handler, event: Event) -> None:
        try:
            with foreign_code():
                await handler(*event.handler_args)
        except Exception:
            logger.exception("handler %r failed on %r", handler, event)
