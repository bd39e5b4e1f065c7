"""When the others on a channel are told that one connection has come or gone. No IO, no clock."""

from collections import deque

QUIET_SECONDS = 10.0
"""In so many seconds the others are told twice at most of one connection on one channel."""


class Told:
    """One connection on one channel. Times are in seconds.

    What may not be told now is told later, if it is still true then: who goes and comes back meanwhile is not named at all.
    """

    __slots__ = ("_times", "here", "told")

    def __init__(self) -> None:
        self.here = False
        """Whether it is on the channel."""
        self.told = False
        """Whether the others believe that it is."""
        self._times: deque[float] = deque(maxlen=2)

    def wait(self, now: float) -> float | None:
        """In how many seconds the others may be told what is true; None where they know it."""
        if self.here == self.told:
            return None
        if len(self._times) < 2:
            return 0.0
        return max(0.0, self._times[0] + QUIET_SECONDS - now)

    def tell(self, now: float) -> None:
        """They are told now."""
        self.told = self.here
        self._times.append(now)

    def is_over(self, now: float) -> bool:
        """Whether there is nothing left to remember."""
        return not self.here and not self.told and (not self._times or self._times[-1] + QUIET_SECONDS <= now)
