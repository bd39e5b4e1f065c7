"""What the rounds say: medians, ratios to the loop and to the floor, and what failed."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import Figures, Run
from benchmarks.plan import Kind, Phase

MEMORY = "redis-none"
BASES = {"x loop": "fastapi", "x floor": "floor", "x coalesced": "floor-coalesced", "x memory": MEMORY}


@dataclass(frozen=True)
class Column:
    figure: str
    head: str
    places: int = 0


_CPU = Column("cpu_us", "us CPU", 2)
_BUSY = (Column("server", "server busy", 2), Column("generator", "generator", 2))  # shares of their cores
_REDIS = Column("store_us", "us of Redis", 2)
TABLES: dict[Kind, tuple[Column, ...]] = {  # ratios are those of the first figure
    "rate": (Column("rate", "deliveries/s"), _CPU, *_BUSY),
    "latency": (Column("p99_ms", "p99 ms", 2), Column("p50_ms", "p50 ms", 2), _CPU),
    "bytes": (Column("bytes", "bytes", 1), _CPU, Column("rate", "deliveries/s"), *_BUSY),
    "publishes": (Column("rate", "publishes/s"), _CPU, *_BUSY),
    "shared rate": (Column("rate", "deliveries/s"), _CPU, _REDIS, *_BUSY),
    "shared latency": (
        Column("p99_ms", "p99 ms", 2),
        Column("p50_ms", "p50 ms", 2),
        Column("added_p99_ms", "added p99", 2),
        Column("added_p50_ms", "added p50", 2),
    ),
    "shared publishes": (Column("rate", "publishes/s"), _CPU, Column("first_us", "publisher's", 2), _REDIS, *_BUSY),
    "links": (
        Column("subscribed", "subscribed s", 2),
        Column("resubscribed", "again s", 2),
        Column("subscribed_cpu", "s CPU", 2),
        Column("resubscribed_cpu", "s CPU again", 2),
    ),
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


def added(table: Table) -> Table:
    """With what a latency over Redis has more than that of one process in memory."""
    memory = table[MEMORY].medians if MEMORY in table else {}
    for row in table.values():
        shared = {name for name in ("p50_ms", "p99_ms") if name in row.medians and name in memory}
        row.medians |= {f"added_{name}": row.medians[name] - memory[name] for name in shared}
    return table


def text(phase: Phase, table: Table) -> str:
    columns = TABLES[phase.kind]
    bases = {head: base for head, base in BASES.items() if base in table}
    heads = [f"{column.head:>13}" for column in columns] + [f"{head:>12}" for head in bases]
    wide = max(28, len(phase.title) + 1)
    lines = [f"{phase.title:{wide}}{''.join(heads)}"]
    for system, row in table.items():
        figures = [_figure(row, column) for column in columns] if row.medians else []
        ratios = [f"{_ratio(table, row, base, columns[0].figure):>12}" for base in bases.values()] if figures else []
        lines.append(f"{system:{wide}}{''.join([*figures, *ratios])}  {row.trouble}".rstrip())
    return "\n".join(lines)


def _figure(row: Row, column: Column) -> str:
    value = row.medians.get(column.figure)
    return f"{'-':>13}" if value is None else f"{value:13,.{column.places}f}"


def _ratio(table: Table, row: Row, base: str, figure: str) -> str:
    against = table[base].medians.get(figure) if base in table else None
    return f"{row.medians[figure] / against:.2f}" if against else "-"
