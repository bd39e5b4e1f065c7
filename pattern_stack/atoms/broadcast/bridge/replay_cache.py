"""What clients that come back have missed: kept once for all of them, and read from the store once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic

from pattern_stack.atoms.broadcast.bridge.store import Reading
from pattern_stack.atoms.broadcast.bridge.tracker import events_of
from pattern_stack.atoms.broadcast.bridge.window import Window
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.core.history import History

_UNUSED_SECONDS = 60.0
_READS_AT_ONCE = 4

Read = Callable[[str, Position, int], Awaitable[Reading]]
"""A channel's events after a position, up to an offset: the first of them that fit into an answer."""


class ReplayCache:
    """The windows of the channels that somebody has come back to within the last minute; other channels cost nothing.

    They hold at most `limit` bytes in all: beyond it those that were used longest ago are dropped, and read again when
    somebody needs them. What is read at the moment, and what waits for it, is not counted.
    """

    def __init__(self, read: Read, limit: int, clock: Callable[[], float] = monotonic) -> None:
        self._read = read
        self._limit = limit
        self._clock = clock
        self._windows: OrderedDict[str, Window] = OrderedDict()
        """The one used longest ago first."""
        self._filling: dict[str, asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_READS_AT_ONCE)
        self._turn = asyncio.Lock()
        self._size = 0

    async def between(
        self, channel: str, since: int, until: int, newest: Position, bounds: History, *, reach: bool = False
    ) -> list[Event] | None:
        """The channel's events after one offset up to another; None where they are no longer all kept. With `reach`: as many
        of the newest of them as are kept.

        `newest`: the channel's newest delivered position. It answers one caller in each iteration of the loop: whoever is
        answered writes all of it to a socket, and a crowd must not hold up everybody else. Raises BroadcastUnavailable.
        """
        window = self._use(channel, newest, bounds)
        window.readers += 1
        try:
            while since < window.start:
                if since < window.floor:
                    if not reach:
                        return None
                    since = window.floor
                    continue
                window.wanted = min(window.wanted, since)
                await asyncio.shield(self._fill_once(channel, window))
                if not self._has(channel, window):
                    return None
            async with self._turn:
                await asyncio.sleep(0)
            return window.between(since, until)
        finally:
            window.readers -= 1
            if self._has(channel, window):
                self._resize(window, window.trim)
                self._drop()

    def delivered(self, event: Event) -> None:
        """Called for each event that is delivered here, in the order of its channel."""
        window = self._windows.get(event.channel)
        if window is not None:
            self._resize(window, lambda: window.append(event))
            self._drop()

    def forget(self, channel: str) -> None:
        """Nobody is on it any more, or its continuity was lost. Who waits for what it had gets None."""
        window = self._windows.pop(channel, None)
        if window:
            self._size -= window.size

    def clear(self) -> None:
        """The loop was closed."""
        self._windows.clear()
        self._filling.clear()
        self._few, self._turn = asyncio.Semaphore(_READS_AT_ONCE), asyncio.Lock()
        self._size = 0

    def _use(self, channel: str, newest: Position, bounds: History) -> Window:
        window = self._windows.get(channel)
        if window is None:
            window = self._windows[channel] = Window(newest, bounds)
        self._windows.move_to_end(channel)
        window.used = self._clock()
        return window

    def _has(self, channel: str, window: Window) -> bool:
        return self._windows.get(channel) is window

    def _resize(self, window: Window, change: Callable[[], None]) -> None:
        self._size -= window.size
        change()
        self._size += window.size

    def _drop(self) -> None:
        """Those that nobody has used for a minute, and those beyond the limit."""
        unused = self._clock() - _UNUSED_SECONDS
        for channel, window in list(self._windows.items()):
            if window.used > unused and self._size <= self._limit:
                break
            if not window.readers:
                self.forget(channel)

    # -- what is not here yet

    def _fill_once(self, channel: str, window: Window) -> asyncio.Task[None]:
        task = self._filling.get(channel)
        if task is None or task.done():
            task = self._filling[channel] = asyncio.create_task(self._fill(channel, window))
            task.add_done_callback(lambda done: self._filled(channel, done))
        return task

    def _filled(self, channel: str, task: asyncio.Task[None]) -> None:
        if self._filling.get(channel) is task:
            del self._filling[channel]
        if not task.cancelled():
            task.exception()  # told to those who wait for it; there may be nobody left

    async def _fill(self, channel: str, window: Window) -> None:
        """Until it has all that is wanted of it, as far as the store keeps that."""
        async with self._few:
            while self._has(channel, window) and max(window.wanted, window.floor) < window.start:
                events = await self._read_until_start(channel, window)
                if self._has(channel, window):
                    self._resize(window, lambda events=events: window.prepend(events))  # type: ignore[misc]

    async def _read_until_start(self, channel: str, window: Window) -> list[Event]:
        """The oldest first: they are the next that the store drops."""
        events: list[Event] = []
        reached = max(window.wanted, window.floor)
        while reached < window.start:
            reading = await self._read(channel, Position(window.epoch, reached), window.start)
            if reading.epoch != window.epoch or not reading.bodies:
                window.floor = window.start
                return []
            if reading.first != reached + 1:
                events, window.floor = [], reading.first - 1
            events += events_of(channel, reading)
            reached = reading.first - 1 + len(reading.bodies)
        return events
