"""At most so many calls a second, for bursts in plain threads."""

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pattern_stack.errors import BroadcastUnavailable


class Timer(Protocol):
    """What Debouncer needs of threading.Timer."""

    def start(self) -> None: ...

    def cancel(self) -> None: ...


def _background_timer(seconds: float, function: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    return timer


class Debouncer:
    """Calls a function at most `rate` times a second, one call at a time, and always once after the last `trigger`.

    A call that raises BroadcastUnavailable is repeated in the background until it does not, so that `trigger` never waits
    for an unreachable store. Anything else that a call raises is raised by this `trigger`, the next one, or `flush`.
    `clock` is in seconds and never goes back; `timer` makes a timer that calls a function after so many seconds.
    Any thread may call any method.
    """

    def __init__(
        self,
        function: Callable[[], object],
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[float, Callable[[], None]], Timer] = _background_timer,
    ) -> None:
        self._function = function
        self._interval = 1 / rate
        self._clock = clock
        self._make_timer = timer
        self._not_before = 0.0
        """The earliest time of the next call; infinite during a call."""
        self._pending = False
        """A trigger is not followed by a call yet."""
        self._timer: Timer | None = None
        self._lock = threading.Lock()
        self._call_lock = threading.RLock()
        """Held during a call."""

    def trigger(self) -> None:
        """Call the function now, or when the rate allows it."""
        with self._lock:
            self._pending = True
            if self._timer:
                return
            wait = min(self._not_before - self._clock(), self._interval)
            if wait > 0:
                self._start_timer(wait)
                return
            self._not_before = math.inf
        try:
            self._call()
        except BroadcastUnavailable:
            with self._lock:
                if not self._timer:
                    self._start_timer(self._interval)

    def flush(self) -> None:
        """Call the function now if a trigger is pending. Afterwards nothing happens in the background."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        with self._call_lock:
            if self._pending:
                self._call()

    def _start_timer(self, seconds: float) -> None:
        timer = self._make_timer(seconds, lambda: self._timer_fired(timer))
        self._timer = timer
        timer.start()

    def _timer_fired(self, timer: Timer) -> None:
        failed = False
        try:
            if self._timer is timer:
                self._call()
        except BroadcastUnavailable:
            pass
        except Exception:
            failed = True  # the next trigger raises it too
        with self._lock:
            if self._timer is timer:  # not after a flush
                self._timer = None
                if self._pending and not failed:
                    self._start_timer(self._interval)

    def _call(self) -> None:
        with self._call_lock:
            self._pending, self._not_before = False, math.inf  # a trigger during the call starts a timer
            try:
                self._function()
            except BaseException:
                self._pending = True
                raise
            finally:
                self._not_before = self._clock() + self._interval
