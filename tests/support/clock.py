"""The time, in a test's hand."""

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 21, 7, tzinfo=UTC)


class Clock:
    """Stands still until it is moved, from whatever thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float = 0, **more: float) -> datetime:
        """By seconds, or as a timedelta has it."""
        self.now += timedelta(seconds=seconds, **more)
        return self.now
