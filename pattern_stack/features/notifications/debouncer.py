"""At most so many calls a second, and none for nothing: bursts of a plain thread."""

import math
import threading
import time
from collections.abc import Callable

from pattern_stack.errors import BroadcastUnavailable


class Debouncer:
    """HubCalls `act` at most `rate` times a second after a `touch`, one call at a time, and always once after the last touch.

    An `act` that raises BroadcastUnavailable is called again in the background until it does not: whoever touches is not
    held up by a store that is away. What else it raises, the touch raises, or the next one, or the flush.
    """

    def __init__(self, act: Callable[[], object], rate: float) -> None:
        self._act = act
        self._interval = 1 / rate
        self._due = 0.0
        self._untold = False
        self._timer: threading.Timer | None = None
        self._state = threading.Lock()
        self._turn = threading.RLock()

    def touch(self) -> None:
        with self._state:
            self._untold = True
            if self._timer:
                return
            wait = min(self._due - time.monotonic(), self._interval)
            if wait > 0:
                self._set(wait)
                return
            self._due = math.inf
        try:
            self._tell()
        except BroadcastUnavailable:
            with self._state:
                if not self._timer:
                    self._set(self._interval)

    def flush(self) -> None:
        """What is untold is told now, and nothing happens in the background any more."""
        with self._state:
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        with self._turn:
            if self._untold:
                self._tell()

    def _set(self, wait: float) -> None:
        self._timer = threading.Timer(wait, self._late)
        self._timer.daemon = True
        self._timer.start()

    def _late(self) -> None:
        for_good = False
        try:
            if self._timer is threading.current_thread():
                self._tell()
        except BroadcastUnavailable:
            pass
        except Exception:
            for_good = True  # the next touch meets it too
        with self._state:
            if self._timer is threading.current_thread():  # not so, once it was flushed
                self._timer = None
                if self._untold and not for_good:
                    self._set(self._interval)

    def _tell(self) -> None:
        with self._turn:
            self._untold, self._due = False, math.inf  # who comes while it is told leaves it to a timer
            try:
                self._act()
            except BaseException:
                self._untold = True
                raise
            finally:
                self._due = time.monotonic() + self._interval
