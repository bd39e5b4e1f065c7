"""What an open stream holds in memory, of the process that serves it."""

from pathlib import Path

import pytest

from benchmarks.measure import build, measure
from benchmarks.plan import Crowd, Phase
from benchmarks.run import allow_many_files
from benchmarks.systems import systems

KIB = 48
"""docs/sse.md and docs/limits.md say so."""


@pytest.mark.soak
def test_5000_idle_streams(tmp_path: Path) -> None:
    build(tmp_path)
    allow_many_files()
    phase = Phase("5000 connections", "connections")
    run = measure(tmp_path / "loadgen", systems(tmp_path)["pattern_stack-sse"], Crowd(5_000, 1, (phase,)))
    assert run.failure is None
    assert 0 < run.figures[phase.title]["kib"] <= KIB
