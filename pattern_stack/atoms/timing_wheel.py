"""Alarms of tens of thousands on one timer of the loop: a timer of uvloop's own takes 600 bytes and 3 us each."""

import asyncio
import logging
import math
from typing import Protocol
from weakref import WeakKeyDictionary, proxy

logger = logging.getLogger(__name__)

_TICK = 0.1
"""Seconds. So much later than asked for an alarm rings at most, where the loop is in time."""


class Sleeper(Protocol):
    """Who has one alarm at a time."""

    def ring(self) -> None:
        """It is time. What this raises is logged."""


class TimingWheel:
    """Of one loop. Alarms that are due in the same tenth of a second ring together, in no order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = proxy(loop)  # weakly: `_wheels` would keep the loop for ever
        self._ticks: dict[int, set[Sleeper]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    def set(self, sleeper: Sleeper, seconds: float) -> int:
        """Ring after so many seconds, never before. Returns what `clear` asks for."""
        tick: int = math.ceil((self._loop.time() + seconds) / _TICK)
        self._ticks.setdefault(tick, set()).add(sleeper)
        if self._timer is None or tick < self._next:
            self._schedule(tick)
        return tick

    def clear(self, sleeper: Sleeper, tick: int) -> None:
        """Do not ring. Nothing where it has rung, or rings in this moment."""
        sleepers = self._ticks.get(tick)
        if sleepers:
            sleepers.discard(sleeper)
            if not sleepers:
                del self._ticks[tick]
            if not self._ticks:
                self._stop()

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, tick: int) -> None:
        self._stop()
        self._next = tick
        self._timer = self._loop.call_at(tick * _TICK, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = max(self._next, math.floor(self._loop.time() / _TICK))
        due = [sleeper for tick in sorted(self._ticks) if tick <= now for sleeper in self._ticks.pop(tick)]
        if self._ticks:
            self._schedule(min(self._ticks))
        for sleeper in due:
            try:
                sleeper.ring()
            except Exception:
                logger.exception("an alarm of %r failed", sleeper)


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, TimingWheel] = WeakKeyDictionary()


def timing_wheel(loop: asyncio.AbstractEventLoop) -> TimingWheel:
    """The loop's own."""
    if loop not in _wheels:
        _wheels[loop] = TimingWheel(loop)
    return _wheels[loop]
