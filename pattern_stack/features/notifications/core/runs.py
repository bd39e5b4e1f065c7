"""How a run lives: pending, running, then one of three ends, which nothing changes any more."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pattern_stack.features.notifications.errors import RunFinished, RunNotFound
from pattern_stack.features.notifications.metadata import merged
from pattern_stack.features.notifications.models import Run

Values = Mapping[str, Any]
End = Literal["completed", "failed", "cancelled"]


def pending(before: Run | None, session_id: str, metadata: Values | None, now: datetime) -> Run:
    """A run that is known already stays as it is."""
    if before is not None:
        return _unfinished(before)
    return Run.of(session_id=session_id, state="pending", metadata=merged({}, metadata), timestamp=now)


def started(before: Run | None, session_id: str, metadata: Values | None, now: datetime) -> Run:
    """Telling it again keeps the time of the first, and merges the metadata."""
    if before is None:
        before = Run.of(session_id=session_id, state="pending", timestamp=now)
    since = _unfinished(before).started_at or now
    return before.but(state="running", metadata=merged(before.metadata, metadata), started_at=since, timestamp=now)


def ended(before: Run | None, session_id: str, state: End, now: datetime, **how: Any) -> Run:
    if before is None:
        raise RunNotFound(f"there is no run {session_id}")
    return _unfinished(before).but(state=state, ended_at=now, timestamp=now, **how)


def _unfinished(run: Run) -> Run:
    if run.state not in ("pending", "running"):
        raise RunFinished(f"the run {run.session_id} is {run.state}")
    return run
