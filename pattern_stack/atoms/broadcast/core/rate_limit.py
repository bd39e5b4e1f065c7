"""How much one connection may ask for in a time, and how often it may send bad frames. The clock is an argument."""

from collections import deque
from collections.abc import Callable
from math import ceil

from pattern_stack.atoms.broadcast.core.limits import Limits


class Bucket:
    """Token bucket: `burst` tokens at once after a silence, `rate` tokens a second on average."""

    __slots__ = ("_burst", "_clock", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._clock = clock
        self._filled = clock()

    def admit(self, count: float = 1) -> bool:
        """Take so many tokens, if they are there."""
        self._fill()
        if self._tokens < count:
            return False
        self._tokens -= count
        return True

    def charge(self, count: float) -> None:
        """Take so many tokens, whether or not they are there. The bucket may owe tokens after it, at most one burst."""
        self._fill()
        self._tokens = min(max(self._tokens - count, -self._burst), self._burst)

    def seconds_until(self, count: float = 1) -> float:
        """Until so many tokens are there, rounded up to tenths; for more than the burst, until the bucket is full."""
        self._fill()
        missing = min(count, self._burst) - self._tokens
        return max(ceil(missing / self._rate * 10) / 10, 0.1)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, self._burst)
        self._filled = now


class RateLimit:
    """A bucket for frames, one for the work that they ask for, and a count of bad frames within a minute."""

    __slots__ = ("_bad", "_clock", "_frames", "_limits", "_work")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._frames = Bucket(limits.frames_per_second, limits.frames_burst, clock)
        self._work: Bucket | None = None  # many connections subscribe to one or two channels and ask for nothing else
        self._bad: deque[float] | None = None

    def admit(self) -> float | None:
        """None if one more frame may come now, else the seconds after which it may."""
        return None if self._frames.admit() else self._frames.seconds_until()

    def refund(self) -> None:
        """The last admitted frame does not count."""
        self._frames.charge(-1)

    def spend(self, work: float) -> float | None:
        """None if so much work may be asked for now, else the seconds after which it may. See Limits.work_per_second."""
        bucket = self._work_bucket()
        return None if bucket.admit(min(work, self._limits.work_burst)) else bucket.seconds_until(work)

    def charge(self, work: float) -> None:
        """Work that turned out to be due only after it was done."""
        self._work_bucket().charge(work)

    def _work_bucket(self) -> Bucket:
        if self._work is None:
            self._work = Bucket(self._limits.work_per_second, self._limits.work_burst, self._clock)
        return self._work

    def violation(self) -> bool:
        """Count a bad frame. True if it is one too many within a minute."""
        now = self._clock()
        bad = self._bad = self._bad or deque()
        bad.append(now)
        while bad[0] < now - 60:
            bad.popleft()
        return len(bad) >= self._limits.bad_frames
