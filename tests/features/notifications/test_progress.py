"""The rules of progress and of runs, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pattern_stack.features.notifications import InvalidReport, Progress, RunFinished, RunNotFound
from pattern_stack.features.notifications.core import progress, runs

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def begun(total: Any = 10, **values: Any) -> Progress:
    return progress.started("s", total, values.get("name", ""), values.get("metadata"), NOW)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_at_step_zero_nothing_is_estimated() -> None:
    later = progress.moved(begun(), 0, None, None, after(60))
    assert (later.progress_percentage, later.elapsed_time) == (0.0, 60.0)
    assert (later.remaining_time, later.estimated_completion) == (None, None)


def test_the_remaining_steps_are_estimated_to_take_as_long_as_those_done() -> None:
    moved = progress.moved(begun(8), 2, None, None, after(30))
    assert (moved.progress_percentage, moved.remaining_time) == (25.0, 90.0)
    assert moved.estimated_completion == after(120)


def test_an_update_keeps_the_name_and_merges_metadata() -> None:
    first = progress.moved(begun(name="a", metadata={"x": 1, "y": 1}), 1, None, {"y": 2}, NOW)
    assert (first.step_name, first.metadata) == ("a", {"x": 1, "y": 2})
    assert progress.moved(first, 2, "", None, NOW).step_name == ""


@pytest.mark.parametrize("total", [0, -1, True, 1.0, "5", None, 2**80])
def test_an_invalid_total_is_refused(total: Any) -> None:
    with pytest.raises(InvalidReport, match="total_steps"):
        begun(total)


@pytest.mark.parametrize("step", [-1, 11, True, 1.0, "5", None, 2**80])
def test_an_invalid_step_is_refused(step: Any) -> None:
    with pytest.raises(InvalidReport, match="current_step"):
        progress.moved(begun(), step, None, None, NOW)


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        "x",
        {"x": float("nan")},
        {"x": [[[float("-inf")]]]},
        {"x": object()},
        {"x": {1, 2}},
        {"x": b"y"},
        {"x": NOW},
        {1: "x"},
        {"x": {2: 3}},
        {"x": 2**80},
        {"x": "\ud800"},
        {"x": "y" * 10_000_000},
    ],
)
def test_metadata_that_is_not_json_or_too_big_is_refused(metadata: Any) -> None:
    with pytest.raises(InvalidReport, match="metadata"):
        begun(metadata=metadata)
    with pytest.raises(InvalidReport, match="metadata"):
        progress.moved(begun(), 1, None, metadata, NOW)


def test_metadata_is_copied() -> None:
    mine: dict[str, Any] = {"x": [1]}
    record = begun(metadata=mine)
    mine["x"].append(2)
    assert record.metadata == {"x": [1]}


@pytest.mark.parametrize("total", [3, 360_287_970_189_641, 2**53])
def test_the_last_step_is_a_hundred_percent(total: int) -> None:
    assert progress.completed(begun(total), NOW).progress_percentage == 100.0


def test_an_end_later_than_a_datetime_can_be_is_not_estimated() -> None:
    moved = progress.moved(begun(2**53), 1, None, None, after(60))
    assert moved.remaining_time == 60.0 * (2**53 - 1)
    assert moved.estimated_completion is None


def test_a_clock_that_is_set_back_makes_no_negative_duration() -> None:
    assert progress.moved(begun(), 5, None, None, after(-60)).elapsed_time == 0.0


@given(total=st.integers(1, 2**53), share=st.floats(0, 1), seconds=st.floats(0, 1e9))
def test_estimates_are_never_negative_nor_more_than_a_hundred_percent(total: int, share: float, seconds: float) -> None:
    moved = progress.moved(begun(total), min(int(total * share), total), None, None, after(seconds))
    assert 0 <= moved.progress_percentage <= 100
    assert moved.remaining_time is None or moved.remaining_time >= 0
    done = progress.completed(moved, after(seconds))
    assert (done.progress_percentage, done.remaining_time, done.step_name) == (100.0, 0.0, "Completed")


def test_a_run_has_one_end() -> None:
    started = runs.started(None, "s", {"x": 1}, NOW)
    again = runs.started(started, "s", {"y": 2}, after(5))
    assert (again.started_at, again.metadata) == (NOW, {"x": 1, "y": 2})
    ended = runs.ended(again, "s", "failed", after(9), error_message="no", error_type="E")
    assert (ended.state, ended.started_at, ended.ended_at) == ("failed", NOW, after(9))
    for refused in (
        lambda: runs.ended(ended, "s", "completed", NOW),
        lambda: runs.started(ended, "s", None, NOW),
        lambda: runs.pending(ended, "s", None, NOW),
    ):
        with pytest.raises(RunFinished, match="failed"):
            refused()
    with pytest.raises(RunNotFound):
        runs.ended(None, "s", "completed", NOW)
