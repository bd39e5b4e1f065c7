"""What the rounds say: medians, ratios to the loop and to the floor, and what failed."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import Figures, Run
from benchmarks.plan import Kind, Phase

BASES = {"x loop": "fastapi", "x floor": "floor", "x coalesced": "floor-coalesced"}


@dataclass(frozen=True)
class Column:
    figure: str
    head: str
    places: int = 0


_CPU = Column("cpu_us", "us CPU", 2)
_BUSY = (Column("server", "server busy", 2), Column("generator", "generator", 2))  # shares of their cores
TABLES: dict[Kind, tuple[Column, ...]] = {  # ratios are those of the first figure
    "rate": (Column("rate", "deliveries/s"), _CPU, *_BUSY),
    "latency": (Column("p99_ms", "p99 ms", 2), Column("p50_ms", "p50 ms", 2), _CPU),
    "bytes": (Column("bytes", "bytes", 1), _CPU, Column("rate", "deliveries/s"), *_BUSY),
    "publishes": (Column("rate", "publishes/s"), _CPU, *_BUSY),
    "connections": (Column("connects", "connects/s"), Column("connect_cpu_us", "us CPU"), Column("kib", "KiB", 1)),
}


@dataclass
class Row:
    """One system in one phase. No round succeeded where there are no medians."""

    medians: Figures
    rounds: int
    failures: list[str] = field(default_factory=list)

    @property
    def trouble(self) -> str:
        """ "crashed in 2 of 3 rounds (SIGSEGV)", or nothing."""
        return ", ".join(self._told(*one) for one in Counter(self.failures).items())

    def _told(self, failure: str, times: int) -> str:
        how, _, why = failure.partition(": ")
        return f"{how} in {times} of {self.rounds} rounds ({why})"


Table = dict[str, Row]


def summary(phase: Phase, runs: list[Run]) -> Row:
    """The medians of the rounds that came so far; a later phase's failure is not this one's."""
    found = [run.figures[phase.title] for run in runs if phase.title in run.figures]
    failures = [run.failure or "failed: nothing measured" for run in runs if phase.title not in run.figures]
    names = found[0] if found else ()
    return Row({name: median(one[name] for one in found) for name in names}, len(runs), failures)


def text(phase: Phase, table: Table) -> str:
    columns = TABLES[phase.kind]
    heads = [f"{column.head:>13}" for column in columns] + [f"{head:>12}" for head in BASES]
    lines = [f"{phase.title:28}{''.join(heads)}"]
    for system, row in table.items():
        figures = [f"{row.medians[column.figure]:13,.{column.places}f}" for column in columns] if row.medians else []
        ratios = [f"{_ratio(table, row, base, columns[0].figure):>12}" for base in BASES.values()] if figures else []
        lines.append(f"{system:28}{''.join([*figures, *ratios])}  {row.trouble}".rstrip())
    return "\n".join(lines)


def _ratio(table: Table, row: Row, base: str, figure: str) -> str:
    against = table[base].medians.get(figure) if base in table else None
    return f"{row.medians[figure] / against:.2f}" if against else "-"
