"""The benchmark runs: a second of it, so that it cannot rot. What it prints is not judged."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not shutil.which("cc"), reason="the load generator is compiled: install gcc")
def test_a_small_run_of_two_systems(tmp_path: Path) -> None:
    systems = ["floor", "pattern_stack"]
    options = ["--clients", "20", "--rounds", "1", "--seconds", "0.2", "--out", str(tmp_path)]
    command = [sys.executable, "benchmarks/run.py", *systems, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert results.keys() == {"20 x 1", "20 x 16", "20 latency"}
    assert all(row[system]["deliveries"] > 0 for row in results.values() for system in systems)
    assert (tmp_path / "chart.svg").read_text().startswith("<svg")
