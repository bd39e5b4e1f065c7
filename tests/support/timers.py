"""A loop whose timers ring when a test has time pass."""

from collections.abc import Callable
from typing import Any


class Timer:
    def __init__(self, at: float, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.at, self.call, self.args = at, call, args
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Loop:
    """What has timers takes it for an event loop."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self._now

    def call_at(self, at: float, call: Callable[..., None], *args: Any) -> Timer:
        self._timers.append(Timer(at, call, args))
        return self._timers[-1]

    def call_later(self, seconds: float, call: Callable[..., None], *args: Any) -> Timer:
        return self.call_at(self._now + seconds, call, *args)

    def call_soon(self, call: Callable[..., None], *args: Any) -> Timer:
        return self.call_at(self._now, call, *args)

    @property
    def waiting(self) -> list[float]:
        """In how many seconds each rings."""
        return [timer.at - self._now for timer in self._timers if not timer.over]

    def pass_time(self, seconds: float) -> None:
        self._now += seconds
        while due := [timer for timer in self._timers if not timer.over and timer.at <= self._now]:
            for timer in due:
                timer.over = True
                timer.call(*timer.args)
