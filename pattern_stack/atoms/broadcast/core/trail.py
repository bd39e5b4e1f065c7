"""What has happened to the clients of one instance lately, for whoever asks why. Bounded: the oldest is forgotten. No IO."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]

ENDED = 500
"""Connections that have ended, a row each."""
NOTED = 200
"""Rows of each other kind; what happens again counts in its row."""
_TEXT = 200

KINDS = ("refused", "resets", "failures", "unheard", "origins")


class Trail:
    """Times are seconds since 1970. Texts are cut at 200 characters."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ended: deque[Row] = deque(maxlen=ENDED)
        self._noted: dict[str, OrderedDict[tuple[Any, ...], Row]] = {kind: OrderedDict() for kind in KINDS}

    def end(self, row: Row) -> None:
        """A connection has ended. `ended_at` is now."""
        self._ended.append({**_short(row), "ended_at": self._clock()})

    def note(self, kind: str, fields: Row, latest: Mapping[str, Any] | None = None) -> None:
        """One more of what these fields say. `latest` is kept of the last one alone."""
        rows, now = self._noted[kind], self._clock()
        fields = _short(fields)
        key = tuple(fields.values())
        row = rows.pop(key, None) or {**fields, "count": 0, "first_at": now}
        row |= {**(latest or {}), "count": row["count"] + 1, "at": now}
        rows[key] = row
        if len(rows) > NOTED:
            rows.popitem(last=False)

    def ended(self) -> list[Row]:
        """The newest first."""
        return list(reversed(self._ended))

    def noted(self, kind: str) -> list[Row]:
        """The newest first."""
        return [dict(row) for row in reversed(self._noted[kind].values())]


def _short(row: Row) -> Row:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    """What JSON takes as it is; of anything else its class, for its text may be anything."""
    if isinstance(value, str):
        return value[:_TEXT]
    if isinstance(value, list):
        return tuple(map(_value, value))
    return value if value is None or isinstance(value, int | float) else type(value).__name__
