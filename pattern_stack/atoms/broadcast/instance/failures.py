"""What hooks of many clients may do wrong many times a second, logged once a minute and kind, with a count."""

import logging
from collections.abc import Callable
from time import monotonic

Told = Callable[[str, str, Exception | None], None]
"""Called with each failure, written or not: its kind, what it says, and the exception."""

_SECONDS = 60
_KINDS = 1_000


class Failures:
    """A line for the first of each kind, and one a minute while more come. The traceback is that of the last one.

    The kind is what the caller names and the exception's class.
    """

    def __init__(
        self, logger: logging.Logger, clock: Callable[[], float] = monotonic, told: Told | None = None
    ) -> None:
        self._logger = logger
        self._told = told
        self._clock = clock
        self._kinds: dict[tuple[str, type], tuple[float, int]] = {}
        """When the next line of the kind may be written, and how many were left out since the last one."""

    def error(self, kind: str, error: Exception, message: str, *args: object) -> None:
        """With the traceback."""
        self._log(logging.ERROR, (kind, type(error)), message % args, error)

    def warning(self, kind: str, message: str, *args: object) -> None:
        self._log(logging.WARNING, (kind, Failures), message % args, None)

    def _log(self, level: int, kind: tuple[str, type], text: str, error: Exception | None) -> None:
        if self._told is not None:
            self._told(kind[0], text, error)
        now = self._clock()
        due, left_out = self._kinds.get(kind, (now, 0))
        if now < due:
            self._kinds[kind] = (due, left_out + 1)
            return
        if len(self._kinds) >= _KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now + _SECONDS, 0)
        more = f" ({left_out} more like it since the last line)" if left_out else ""
        self._logger.log(level, "%s%s", text, more, exc_info=error)
