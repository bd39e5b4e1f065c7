"""make bench: every system in turn, several rounds; medians, a results file and a chart."""

import argparse
import json
import os
import platform
import re
import resource
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.measure import CORES, Run, build, measure
from benchmarks.packages import Missing
from benchmarks.plan import Crowd, plan, shared_plan
from benchmarks.report import Table, added, summary, text
from benchmarks.systems import System, systems

BUILD = Path(__file__).parents[1] / ".cache" / "bench"


def choose(known: dict[str, System], names: list[str]) -> tuple[dict[str, System], dict[str, str]]:
    """The systems that can run here, and the versions of what they are made of."""
    if unknown := set(names) - known.keys():
        raise SystemExit(f"no such system: {', '.join(sorted(unknown))}. There are: {', '.join(known)}")
    chosen, versions = {}, {"Python": platform.python_version()}
    for name in names or known:
        try:
            versions |= known[name].versions()
            chosen[name] = known[name]
        except Missing as how:
            print(f"{name} is left out; to have it: {how}")
    if not chosen:
        raise SystemExit("nothing is left to measure")
    return chosen, versions


def bench(chosen: dict[str, System], crowds: list[Crowd], rounds: int, loadgen: Path) -> dict[str, Table]:
    """For each phase its table, printed as soon as it is known."""
    tables: dict[str, Table] = {}
    for crowd in crowds:
        runs: dict[str, list[Run]] = {name: [] for name, system in chosen.items() if crowd.phases_of(system)}
        for _ in range(rounds):
            for name, several in runs.items():
                several.append(measure(loadgen, chosen[name], crowd))
        for phase in crowd.phases:
            takes = {name: several for name, several in runs.items() if phase in crowd.phases_of(chosen[name])}
            if not takes:
                continue
            tables[phase.title] = added({name: summary(phase, several) for name, several in takes.items()})
            print(f"\n{text(phase, tables[phase.title])}", flush=True)
    return tables


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def allow_many_files() -> None:
    """For the systems, which inherit it: a socket a client."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("systems", nargs="*", help="names out of benchmarks/systems; all, where none is given")
    parser.add_argument("--clients", type=int, nargs="+", default=[1_000, 100, 5_000])
    parser.add_argument("--channels", type=int, default=10_000, help="of one instance over Redis")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--build", type=Path, default=BUILD, help="where the peers are; the C programs go there")
    parser.add_argument("--out", type=Path, help="where results.json and chart.svg go")
    asked = parser.parse_args()
    known = systems(asked.build)
    chosen, versions = choose(known, asked.systems)
    build(asked.build)
    allow_many_files()
    crowds = [*plan(asked.clients, asked.seconds), *shared_plan(asked.clients[0], asked.channels, asked.seconds)]
    tables = bench(chosen, crowds, asked.rounds, asked.build / "loadgen")
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "versions": versions}
    print(f"\n{about['machine']}; {about['date']}; {', '.join(map(' '.join, versions.items()))}")
    if any(system.over_redis for system in chosen.values()):
        print(CORES)
    if asked.out:
        write(asked.out, about, tables, known)


def write(out: Path, about: dict[str, Any], tables: dict[str, Table], known: dict[str, System]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = {title: {name: asdict(row) for name, row in table.items()} for title, table in tables.items()}
    (out / "results.json").write_text(json.dumps({**about, "results": rows}, indent=1) + "\n")
    (out / "chart.svg").write_text(chart(about, tables, {name: system.title for name, system in known.items()}))


if __name__ == "__main__":
    main()
