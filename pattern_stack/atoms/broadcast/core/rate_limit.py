"""How often one connection may speak, and how often it may speak nonsense. The clock is given in."""

from collections import deque
from collections.abc import Callable

from pattern_stack.atoms.broadcast.core.limits import Limits


class Bucket:
    """So many at once after a silence, and so many a second on average."""

    __slots__ = ("_burst", "_clock", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._clock = clock
        self._filled = clock()

    def admit(self, count: int = 1) -> bool:
        """Whether so many more may come now."""
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, self._burst)
        self._filled = now
        if self._tokens < count:
            return False
        self._tokens -= count
        return True


class RateLimit:
    """A bucket for messages, and a window of a minute for the bad ones."""

    __slots__ = ("_bad", "_bucket", "_clock", "_limits")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._bucket = Bucket(limits.frames_per_second, limits.frames_burst, clock)
        self._bad: deque[float] | None = None

    def admit(self) -> bool:
        """Whether one more message may come now."""
        return self._bucket.admit()

    def violation(self) -> bool:
        """Count a bad frame. True where it is one too many within a minute."""
        now = self._clock()
        bad = self._bad = self._bad or deque()
        bad.append(now)
        while bad[0] < now - 60:
            bad.popleft()
        return len(bad) >= self._limits.bad_frames
