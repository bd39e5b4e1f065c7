"""What happens to clients, as log lines with fields: at most one a second and kind, which says how many it stands for."""

import logging
from collections.abc import Callable
from time import monotonic

from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.printable import printable

logger = logging.getLogger("pattern_stack.connections")

Told = Callable[[str, ManagedConnection | None, dict[str, object]], None]

_SECONDS = 1.0
_TEXT = 200


class News:
    """Of one instance. A line's `extra` has connection_id and user (the user's key) where a connection is named, and the
    fields of the call. No token, header or payload is among them."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}
        """When the next line of the kind may be written, and how many were left out since the last one."""
        self.told: Told | None = None
        """Called with everything that happens, written or not: its kind, whose it is, and the fields."""

    def info(self, kind: str, text: str, connection: ManagedConnection | None = None, /, **fields: object) -> None:
        self._log(logging.INFO, kind, text, connection, fields)

    def debug(self, kind: str, text: str, connection: ManagedConnection | None = None, /, **fields: object) -> None:
        self._log(logging.DEBUG, kind, text, connection, fields)

    def note(self, kind: str, connection: ManagedConnection | None = None, /, **fields: object) -> None:
        """For `told` alone: it is no line, or one of another logger."""
        if self.told is not None:
            self.told(kind, connection, fields)

    def _log(
        self, level: int, kind: str, text: str, connection: ManagedConnection | None, fields: dict[str, object]
    ) -> None:
        if self.told is not None:
            self.told(kind, connection, fields)
        if not logger.isEnabledFor(level):
            return
        now = self._clock()
        due, left_out = self._kinds.get(kind, (now, 0))
        if now < due:
            self._kinds[kind] = (due, left_out + 1)
            return
        self._kinds[kind] = (now + _SECONDS, 0)
        extra = {name: _short(value) for name, value in fields.items() if value is not None}
        if connection is not None:
            identity = connection.identity
            extra |= {"connection_id": connection.id, "user": identity.key if identity else None}
        shown = " ".join(f"{name}={value}" for name, value in extra.items() if value is not None)
        more = f" ({left_out} more like it since the last line)" if left_out else ""
        logger.log(level, "%s: %s%s", text, shown, more, extra={**extra, "left_out": left_out})


def _short(value: object) -> object:
    return printable(value[:_TEXT]) if isinstance(value, str) else value
