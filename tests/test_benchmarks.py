"""The benchmark runs: seconds of it, so that it cannot rot. What it prints is not judged, but what it hides would be."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import declared, features, meters
from benchmarks.measure import build, measure
from benchmarks.plan import Crowd, Phase
from benchmarks.report import summary, text
from benchmarks.scaling import BUSY, Costs, Population, load, smallest
from benchmarks.systems import System
from tests.support.patience import PATIENCE
from tests.support.programs import program

ROOT = Path(__file__).parents[1]
RATE = Phase("2 x 1", "rate", "rate:1:0.1")

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="the load generator is compiled: install gcc")


def run(*options: str) -> str:
    command = [sys.executable, "-m", "benchmarks.run", *options, "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=5 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_small_run_of_three_systems(tmp_path: Path) -> None:
    systems = ["floor", "pattern_stack", "pattern_stack-sse"]
    run(*systems, "--clients", "20", "--seconds", "0.1", "--build", str(tmp_path), "--out", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"cc", "fastapi", "Python"} <= results["versions"].keys()
    first = {
        "20 x 1": "rate",
        "20 x 16": "rate",
        "20 latency": "p99_ms",
        "20 connections": "connects",
        "20 channels, from the inside": "rate",
        "20 channels, over HTTP": "rate",
    }
    assert results["results"].keys() == first.keys()
    for title, figure in first.items():
        for system in systems:
            row = results["results"][title][system]
            assert row["failures"] == []
            assert row["medians"][figure] > 0
    assert (tmp_path / "chart.svg").read_text().startswith("<svg")


@pytest.mark.soak
@pytest.mark.redis
def test_a_small_run_over_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER", str(program("redis-server")))
    systems = ["redis-none", "redis", "redis-channels"]
    sizes = ["--clients", "5", "--channels", "200", "--seconds", "0.1"]
    run(*systems, *sizes, "--build", str(tmp_path), "--out", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    figures = {
        "publishes over Redis, one awaited after the other": "rate",
        "publishes over Redis, 64 at a time": "store_us",
        "2 x 5 over Redis x 1": "rate",
        "2 x 5 over Redis x 16": "store_us",
        "2 x 5 over Redis x 16, published concurrently": "rate",
        "2 x 5 over Redis, latency": "added_p99_ms",
        "200 channels and a lost link": "resubscribed",
    }
    assert results.keys() == figures.keys()
    for title, figure in figures.items():
        row = results[title].get("redis") or results[title]["redis-channels"]
        assert row["failures"] == []
        assert row["medians"][figure]


def test_a_peer_that_is_missing_is_left_out_with_how_to_install_it(tmp_path: Path) -> None:
    printed = run("litestar", "floor", "--clients", "2", "--seconds", "0.02", "--build", str(tmp_path))
    assert "litestar is left out; to have it: make bench-peers\n" in printed
    assert "\nlitestar" not in printed.partition("2 x 1")[2]


@pytest.mark.soak
def test_a_small_run_of_neighbours() -> None:
    command = [sys.executable, "-m", "benchmarks.neighbours", "--clients", "5", "--events", "5", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "beside one that does not read  p50" in done.stdout


@pytest.mark.redis
def test_a_small_run_of_clients_that_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER", str(program("redis-server")))
    command = [sys.executable, "-m", "benchmarks.returning", "--clients", "20", "--build", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=5 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    assert "socket.io is left out; to have it: make bench-peers\n" in done.stdout
    assert "20 are back with what they missed after" in done.stdout
    assert "not recovered 0, events lost 0, doubled 0" in done.stdout


def test_a_small_run_of_idle_sockets() -> None:
    command = [sys.executable, "-m", "benchmarks.idle", "20", "1", "--interval", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "20 idle sockets, a ping each 1 s: " in done.stdout


def test_scaling_deals_out_a_small_share() -> None:
    few, more = (load(Population("rooms", 1_000, 20, 1, 1.0), instances, Costs()) for instances in (2, 4))
    assert few.memory == 2 * more.memory
    assert more.instance < few.instance
    assert more.redis > few.redis  # more instances follow each channel
    assert smallest(Population("rooms", 1_000, 20, 1, 100.0), Costs()).instance <= BUSY


SERVER = """
from websockets.sync.server import serve

clients = set()

def handler(websocket):
    if websocket.request.path == "/control":
        for frame in websocket:
            {control}
    clients.add(websocket)
    websocket.send("subscribed")
    list(websocket)

with serve(handler, "127.0.0.1", 0) as server:
    print("running on http://127.0.0.1:%d" % server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"""


@pytest.mark.parametrize(
    ("control", "trouble"),
    [
        ("__import__('os')._exit(7)", "crashed in 1 of 1 rounds (exit code 7)"),
        ("[client.send('x') for client in clients for _ in 'ab']", "failed in 1 of 1 rounds (not asked for: "),
    ],
)
def test_a_crash_and_an_event_too_many_are_told_and_end_nothing(tmp_path: Path, control: str, trouble: str) -> None:
    build(tmp_path)
    system = System("a server", [sys.executable, "-c", SERVER.format(control=control)], dict, acks=1)
    told = measure(tmp_path / "loadgen", system, Crowd(2, 1, (RATE,)))
    assert trouble in text(RATE, {"server": summary(RATE, [told])})


def test_what_meters_cost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("SUBSCRIBERS", "EVENTS", "ROUNDS"):
        monkeypatch.setattr(meters, name, 2)
    meters.main()
    assert re.search(r"of CPU a delivery with them, [\d.]+ without: [+-]", capsys.readouterr().out)


def test_what_declared_events_cost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(declared, "EVENTS", 2)
    declared.main()
    assert capsys.readouterr().out.count("µs") == 5


@pytest.mark.parametrize("feature", features.FEATURES)
async def test_what_features_cost_is_counted(monkeypatch: pytest.MonkeyPatch, feature: str) -> None:
    """Without callgrind: the publishes alone lie between the two switches."""
    switched: list[str] = []
    monkeypatch.setattr(features, "count", switched.append)
    monkeypatch.setattr(features, "EVENTS", 2)
    await features.run(feature, 2)
    assert switched == ["on", "off"]
