"""How often one connection may speak, and how often it may speak nonsense. The clock is given in."""

from collections import deque
from collections.abc import Callable

from pattern_stack.atoms.broadcast.limits import Limits


class Throttle:
    """A token bucket for frames, and a window of a minute for the bad ones."""

    __slots__ = ("_bad", "_clock", "_filled", "_limits", "_tokens")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._tokens = float(limits.frames_burst)
        self._filled = clock()
        self._bad: deque[float] | None = None

    def admit(self) -> bool:
        """Whether one more frame may come now."""
        now = self._clock()
        gained = (now - self._filled) * self._limits.frames_per_second
        self._tokens = min(self._tokens + gained, self._limits.frames_burst)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def blame(self) -> bool:
        """Count a bad frame. True where it is one too many within a minute."""
        now = self._clock()
        bad = self._bad = self._bad or deque()
        bad.append(now)
        while bad[0] < now - 60:
            bad.popleft()
        return len(bad) >= self._limits.bad_frames
