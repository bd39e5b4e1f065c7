"""How progress moves, and what is estimated from it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.models import Progress, merged

Values = Mapping[str, Any]


def started(session_id: str, total_steps: int, step_name: str, metadata: Values | None, now: datetime) -> Progress:
    """Progress at step 0. Raises InvalidReport."""
    return Progress.new(
        session_id=session_id,
        total_steps=total_steps,
        step_name=step_name,
        metadata=merged({}, metadata),
        started_at=now,
        timestamp=now,
    )


def moved(before: Progress, step: int, step_name: str | None, metadata: Values | None, now: datetime) -> Progress:
    """The same progress at another step. None keeps the name; the keys of `metadata` are added.

    Raises InvalidReport if the step is not in 0 to total_steps.
    """
    after = before.replace(
        current_step=step,
        step_name=before.step_name if step_name is None else step_name,
        metadata=merged(before.metadata, metadata),
        timestamp=now,
    )
    if after.current_step > after.total_steps:
        raise InvalidReport(f"current_step must be 0 to {after.total_steps}, not {step}")
    return after.model_copy(update=_estimates(after, now))


def completed(before: Progress, now: datetime) -> Progress:
    """At the last step, named Completed."""
    return moved(before, before.total_steps, "Completed", None, now)


def failed(before: Progress, metadata: Values | None, now: datetime) -> Progress:
    """At the same step, named Failed."""
    return moved(before, before.current_step, "Failed", metadata, now)


def _estimates(progress: Progress, now: datetime) -> dict[str, Any]:
    step, total = progress.current_step, progress.total_steps
    elapsed = max((now - progress.started_at).total_seconds(), 0.0)  # a clock may be set back
    remaining = elapsed / step * (total - step) if step else None
    return {
        "progress_percentage": 100
        * step
        / total,  # of integers: 100.0 * step is rounded, and the last step may be 99.9
        "elapsed_time": elapsed,
        "remaining_time": remaining,
        "estimated_completion": _after(now, remaining),
    }


def _after(now: datetime, seconds: float | None) -> datetime | None:
    """None if `seconds` is None, and if that time is later than a datetime can be."""
    try:
        return None if seconds is None else now + timedelta(seconds=seconds)
    except OverflowError:
        return None
