"""The states of a run: pending, running, then completed, failed or cancelled. An ended run never changes again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pattern_stack.features.notifications.errors import RunFinished, RunNotFound
from pattern_stack.features.notifications.models import Run, merged

Values = Mapping[str, Any]
End = Literal["completed", "failed", "cancelled"]


def pending(before: Run | None, session_id: str, metadata: Values | None, now: datetime) -> Run:
    """A new pending run, or the same object if there is a run already. Raises RunFinished."""
    if before is not None:
        return _unfinished(before)
    return Run.new(session_id=session_id, state="pending", metadata=merged({}, metadata), timestamp=now)


def started(before: Run | None, session_id: str, metadata: Values | None, now: datetime) -> Run:
    """A running run. If it was running, its `started_at` stays, and the keys of `metadata` are added. Raises RunFinished."""
    if before is None:
        before = Run.new(session_id=session_id, state="pending", timestamp=now)
    started_at = _unfinished(before).started_at or now
    return before.replace(
        state="running", metadata=merged(before.metadata, metadata), started_at=started_at, timestamp=now
    )


def ended(before: Run | None, session_id: str, state: End, now: datetime, **outcome: Any) -> Run:
    """`outcome` sets results, error_message or error_type. Raises RunNotFound or RunFinished."""
    if before is None:
        raise RunNotFound(f"there is no run {session_id}")
    return _unfinished(before).replace(state=state, ended_at=now, timestamp=now, **outcome)


def _unfinished(run: Run) -> Run:
    if run.state not in ("pending", "running"):
        raise RunFinished(f"the run {run.session_id} is {run.state}")
    return run
