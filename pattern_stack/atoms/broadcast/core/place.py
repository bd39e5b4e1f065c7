"""Where a reader of a channel begins, as callers say it."""

from pattern_stack.atoms.broadcast.core.event import Position

Place = Position | tuple[str, int]
"""A Position, or what a row of a database gives: (epoch, offset)."""


def position_of(since: object) -> Position | None:
    """The position itself; None for None. Raises TypeError for whatever is no (epoch, offset)."""
    if since is None:
        return None
    if isinstance(since, tuple) and len(since) == 2:
        epoch, offset = since
        if isinstance(epoch, str) and isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0:
            return Position(epoch, offset)
    raise TypeError(f"since is a Position or (epoch, offset), a string and an integer from 0 on; not {since!r:.80}")
