"""How long a client waits before it tries again."""

import random
from math import isfinite

_LONGEST, _LONGEST_ASKED = 30.0, 300.0


class Backoff:
    """Seconds that grow with each failure in a row, with jitter; or as the server asks for."""

    def __init__(self) -> None:
        self._failures = 0

    def succeeded(self) -> None:
        self._failures = 0

    def next(self, asked: float | None = None) -> float:
        delay = asked if asked is not None else min(0.5 * 2**self._failures, _LONGEST) * random.uniform(0.5, 1)
        self._failures = min(self._failures + 1, 6)
        return delay


def asked_by(reason: str) -> float | None:
    """What `retry-after=1.5`, the reason of a close, asks for."""
    name, _, value = reason.partition("=")
    return seconds(value) if name == "retry-after" else None


def seconds(text: str) -> float | None:
    """A server's wish, bounded. None where it is not a number, as the dates that Retry-After may have."""
    try:
        value = float(text)
    except ValueError:
        return None
    return min(max(value, 0.0), _LONGEST_ASKED) if isfinite(value) else None
