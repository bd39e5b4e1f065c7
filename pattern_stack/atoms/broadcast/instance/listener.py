"""Ordered delivery inside the process: one bounded queue a subscription, one call of the handler at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Self

from anyio import to_thread

from pattern_stack.atoms.broadcast.base import Handler
from pattern_stack.atoms.broadcast.core.event import Ephemeral, Event, PresenceEvent, Reset
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame
from pattern_stack.errors import TooSlow

logger = logging.getLogger(__name__)


def _untold(kind: str, text: str, error: Exception | None) -> None: ...


class Listener:
    """A hub's subscriber, and an async iterator of its events.

    After `end` it gives the events that it holds, and then ends. It raises TooSlow after the events that it holds when more
    than `Limits.handler_events` or `Limits.handler_bytes` were waiting. The bound counts what waited before the last turn
    of the loop: what one call publishes is no sign of slowness.
    """

    write_prepared = None
    limit = 2**62
    """No limit: the hub buffers for a listener only while it joins."""

    def __init__(self, channel: str, limits: Limits, *, ephemeral: bool = False) -> None:
        """`ephemeral`: it takes ephemeral events too, while it is not behind."""
        self.channel = channel
        self._limits = limits
        self._takes_ephemeral = ephemeral
        self._events: deque[Event | Ephemeral] = deque()
        self._bytes = 0
        self._free_events = self._free_bytes = 0
        """What was there before the first live event does not count."""
        self._turn: int | None = None
        self._ready = asyncio.Event()
        self._ended = False
        self._too_slow = False
        self.handler: Handler | None = None
        """What it calls; None where it is iterated over."""
        self.failed: Callable[[str, str, Exception | None], None] = _untold
        self.lost: Callable[[], None] | None = None
        """Called where history was lost; else that is logged."""

    def prepend(self, events: Sequence[Event | Reset | PresenceEvent]) -> None:
        """Events that come before every event that is taken. They do not count against the limits."""
        for event in events:
            self._add(event)
        self._free_events, self._free_bytes = len(self._events), self._bytes

    def take(self, batch: Batch, turn: int | None = None) -> None:
        if self._ended or self._too_slow or (batch.ephemeral and not self._has_room_for_ephemeral):
            return
        if turn is None or turn != self._turn:
            self._turn = turn
            self._too_slow = self._is_filled(1)
        if not self._too_slow:
            for event in batch.frames:
                self._add(event)
        self._ready.set()

    @property
    def waiting(self) -> tuple[int, int]:
        """Events that wait for it, and their bytes."""
        return len(self._events), self._bytes

    @property
    def _has_room_for_ephemeral(self) -> bool:
        """They leave half of it to the others."""
        return self._takes_ephemeral and not self._is_filled(2)

    def _is_filled(self, parts: int) -> bool:
        """Whether this part of its limits is taken: a half is 2."""
        return (len(self._events) - self._free_events) * parts >= self._limits.handler_events or (
            self._bytes - self._free_bytes
        ) * parts > self._limits.handler_bytes

    def _add(self, frame: Frame) -> None:
        if isinstance(frame, Ephemeral) and not self._takes_ephemeral:
            return
        if isinstance(frame, Event | Ephemeral):
            self._events.append(frame)
            self._bytes += len(frame.data)
        elif self.lost:
            self.lost()
        else:
            logger.warning("%s: events may be missing here, because its history was lost", self.channel)

    def too_slow(self) -> None:
        self._too_slow = True

    def channel_ended(self, channel: str) -> None:
        self.end()

    def end(self) -> None:
        """Give what waits, then end."""
        self._ended = True
        self._ready.set()

    def stop(self) -> None:
        """End without what still waits."""
        self._events.clear()
        self._bytes = 0
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Ephemeral:
        """The next event. A call that is cancelled takes none: the next call goes on where it was."""
        while not self._events:
            if self._too_slow:
                raise TooSlow(
                    f"more events of {self.channel} were waiting than Limits.handler_events or handler_bytes allow"
                )
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        event = self._events.popleft()
        self._bytes -= len(event.data)
        self._free_events = max(self._free_events - 1, 0)
        self._free_bytes = max(self._free_bytes - len(event.data), 0)
        return event

    async def run(self, handler: Handler, *, in_thread: bool) -> None:
        """Call the handler for each event until the listener ends. What it raises is logged, and the next event goes on."""
        self.handler = handler
        try:
            async for event in self:
                await self._call(handler, event, in_thread)
        except TooSlow as error:
            logger.error("the subscription of %r ends: %s", handler, error)
            self.failed("handler", f"the subscription of {name_of(handler)} on {self.channel} ended: {error}", error)

    async def _call(self, handler: Handler, event: Event | Ephemeral, in_thread: bool) -> None:
        try:
            with foreign_code():
                if in_thread:
                    await to_thread.run_sync(handler, *event.handler_args)
                    return
                answer = handler(*event.handler_args)
                if isawaitable(answer):
                    await answer
        except Exception as error:
            logger.exception("handler %r failed on %r", handler, event)
            self.failed("handler", f"the handler {name_of(handler)} failed on {self.channel}", error)


def name_of(handler: Handler) -> str:
    """For people: a function by its name, and no repr of what it is bound to."""
    return str(getattr(handler, "__qualname__", type(handler).__qualname__))
