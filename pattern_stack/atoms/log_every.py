"""A warning that may have many causes a second, and is written once in a while."""

import logging
from collections.abc import Callable
from time import monotonic


class LogEvery:
    """Writes at most one warning in `seconds`. The next one written says how many were left out in between.

    All calls of one LogEvery count together, whatever they say. `clock` returns seconds and never goes back.
    """

    def __init__(self, logger: logging.Logger, seconds: float = 60, clock: Callable[[], float] = monotonic) -> None:
        self._logger = logger
        self._seconds = seconds
        self._clock = clock
        self._next = float("-inf")
        self._left_out = 0

    def warning(self, message: str, *args: object) -> None:
        """Write `message % args`, or count it."""
        now = self._clock()
        if now < self._next:
            self._left_out += 1
            return
        self._next = now + self._seconds
        left_out, self._left_out = self._left_out, 0
        more = f" ({left_out} more like it since the last line)" if left_out else ""
        self._logger.warning("%s%s", message % args, more)
