"""make bench: each system as a process of its own on one core, the clients on the other, in turn, several rounds."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.chart import chart
from benchmarks.systems import System, systems

HERE = Path(__file__).parent
BUILD = HERE.parent / ".cache" / "bench"
Result = dict[str, float]


def build() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("loadgen", "floor"):
        source = [str(HERE / f"{name}.c"), "-o", str(BUILD / name)]
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", *source], check=True)


def pinned(core: int) -> list[str]:
    """Where there are two cores, a process stays on its own."""
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 else []


@contextmanager
def running(system: System) -> Iterator[tuple[int, int]]:
    """The port and process id."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*pinned(0), *system.command], stdout=log, stderr=subprocess.STDOUT, cwd=HERE.parent, env={**os.environ}
        )
        try:
            yield _port(process, log.fileno()), process.pid
        finally:
            process.terminate()
            process.wait(20)


def _port(process: "subprocess.Popen[bytes]", log: int) -> int:
    for _ in range(200):
        said = os.pread(log, 100_000, 0).decode()
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", said):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"it did not start: {said}")


def measure(system: System, clients: int, mode: str, burst: int, seconds: float) -> Result:
    """One run of the load generator. RuntimeError where something was lost or the server ended a connection."""
    with running(system) as (port, pid):
        arguments = [port, system.path, clients, system.hello, system.acks, "/control", mode, burst, seconds, pid]
        command = [*pinned(1), str(BUILD / "loadgen"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        result: Result = json.loads(done.stdout)
        return result


def runs(crowds: list[int]) -> list[tuple[str, int, str, int]]:
    """Name, clients, mode, burst."""
    rates = [(f"{clients} x {burst}", clients, "rate", burst) for clients in crowds for burst in (1, 16)]
    return [*rates, (f"{crowds[0]} latency", crowds[0], "latency", 1)]


def bench(chosen: dict[str, System], crowds: list[int], rounds: int, seconds: float) -> dict[str, dict[str, Result]]:
    """For each run and system the medians of the rounds."""
    results: dict[str, dict[str, Result]] = {}
    for name, clients, mode, burst in runs(crowds):
        found: dict[str, list[Result]] = {system: [] for system in chosen}
        for _ in range(rounds):
            for system, what in chosen.items():
                found[system].append(measure(what, clients, mode, burst, seconds))
        results[name] = {system: _medians(several) for system, several in found.items()}
        _print(name, results[name])
    return results


def _medians(several: list[Result]) -> Result:
    return {figure: median(one[figure] for one in several) for figure in several[0]}


def _print(name: str, row: dict[str, Result]) -> None:
    first = "p99_ms" if "latency" in name else "rate"
    base = row.get("fastapi", next(iter(row.values())))[first]
    floor = row.get("floor-coalesced" if name.endswith("x 16") else "floor", next(iter(row.values())))[first]
    heads = (("deliv/s", 10), ("us CPU", 9), ("p50 ms", 9), ("p99 ms", 9), ("conn/s", 9), ("KiB", 7), ("x loop", 8))
    print(f"\n{name}\n{'':22}{''.join(f'{head:>{width}}' for head, width in heads)}{'x floor':>9}")
    for system, one in row.items():
        print(
            f"{system:22}{one['rate']:10.0f}{one['cpu_us']:9.2f}{one['p50_ms']:9.2f}{one['p99_ms']:9.2f}"
            f"{one['connects']:9.0f}{one['kib']:7.1f}{one[first] / base:8.2f}{one[first] / floor:9.2f}",
            flush=True,
        )


def machine() -> dict[str, str]:
    names = ("uvicorn", "websockets", "uvloop", "fastapi", "orjson")
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "versions": f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*", help="names out of benchmarks/systems; all, where none is given")
    parser.add_argument("--clients", type=int, nargs="+", default=[1_000, 100, 5_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--out", type=Path, help="where results.json and chart.svg go")
    asked = parser.parse_args()
    build()
    chosen = {}
    for name, system in systems(BUILD).items():
        if asked.systems and name not in asked.systems:
            continue
        if how := system.missing():
            print(f"{name} is left out: {how}")
        else:
            chosen[name] = system
    results: dict[str, Any] = {**machine(), "results": bench(chosen, asked.clients, asked.rounds, asked.seconds)}
    print(f"\n{results['machine']}; {results['versions']}; {results['date']}")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (asked.out / "chart.svg").write_text(chart(results, systems(BUILD)))


if __name__ == "__main__":
    main()
