"""make bench: clients that come back all at once. Two instances share a Redis; that with the crowd is ended, and the crowd
returns to the other one, where a few clients are already.

Told are the seconds until the last client has recovered what it missed, and the latency of those who were there. The instances
have one core; Redis and the clients, who are written in C, the other.
"""

import argparse
from pathlib import Path

from benchmarks.measure import CORES, Run, compiled, measure
from benchmarks.plan import Crowd, Phase
from benchmarks.run import BUILD, allow_many_files, choose, machine
from benchmarks.systems import returning

STAYING = 100  # as returning.c has it
TITLE = "returning"


def told(figures: dict[str, float], clients: int) -> str:
    return (
        f"{clients:,} are back with what they missed after {figures['seconds']:.2f} s: {figures['connects']:,.0f} handshakes/s, "
        f"{figures['cpu']:.2f} s of CPU;\n    the {STAYING} that stayed: p50 {figures['p50_ms']:.1f} ms, "
        f"p99 {figures['p99_ms']:.1f} ms, longest {figures['max_ms']:.0f} ms "
        f"(before: {figures['before_p50_ms']:.2f}, {figures['before_p99_ms']:.2f} ms);\n    "
        f"refused {figures['refused']:.0f}, not recovered {figures['unrecovered']:.0f}, "
        f"events lost {figures['lost']:.0f}, doubled {figures['doubled']:.0f}; "
        f"closed {figures['drained']:.2f} s after SIGTERM, ended after {figures['ended']:.2f} s"
    )


def line(title: str, run: Run, clients: int) -> str:
    return f"{title}: {run.failure or told(run.figures[TITLE], clients)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.returning", description=__doc__)
    parser.add_argument("systems", nargs="*", help="pattern_stack, socket.io; both, where none is given")
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--build", type=Path, default=BUILD, help="where the peers are; the C program goes there")
    asked = parser.parse_args()
    chosen, versions = choose(returning(asked.build), asked.systems)
    driver = compiled("returning", asked.build)
    allow_many_files()
    crowd = Crowd(asked.clients, 1, (Phase(TITLE, "returning"),), (str(driver),))
    runs = []
    for system in chosen.values():
        runs.append(measure(driver, system, crowd))
        print(line(system.title, runs[-1], asked.clients), flush=True)
    print(f"{machine()}; {', '.join(map(' '.join, versions.items()))}; {CORES}")
    if any(run.failure for run in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
