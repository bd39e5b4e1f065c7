"""All that the page reads, as JSON: bounded, whatever the instance has."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.broadcast.core.trail import KINDS, Row
from pattern_stack.atoms.broadcast.instance.inspection import Inspection
from pattern_stack.features.inspector.bodies import Query
from pattern_stack.features.inspector.core.findings import findings
from pattern_stack.features.inspector.core.rates import Place, Rates

Parts = Callable[[], Mapping[str, Any]]

_FEW = 20
_OUTBOX_SECONDS = 2.0
"""How long the database of an outbox may take."""
_FRESH_SECONDS = 5.0
"""How long its answer is good for."""


class View:
    """Of one instance. `parts`: what has a `trouble`, by name. `outboxes`: those that publish with its backend."""

    def __init__(
        self, inspection: Inspection, parts: Parts, outboxes: Callable[[], Sequence[Any]] = lambda: ()
    ) -> None:
        self._inspection = inspection
        self._of_process = outboxes
        self._parts = parts
        self._rates = Rates()
        self._outboxes: list[Row] = []
        self._outboxes_at = float("-inf")

    async def look(self, query: Query) -> Row:
        """On the hub's loop."""
        now = time.time()
        found: Row = {
            "instance": {**self._inspection.about, "at": now, "scope": "this instance"},
            "trouble": list(self._trouble()),
            "totals": self._totals(),
            "channels": await self._channels(query),
            "connections": await self._connections(query, now),
            "ended": _page(self._inspection.trail.ended(), query.q, query.ended, query.rows),
            "handlers": _page(self._inspection.handlers(), "", 0, _FEW),
            "hooks": _page(self._inspection.hooks(), "", 0, _FEW),
            "outboxes": await self._read_outboxes(),
        }
        for kind in KINDS:
            found[kind] = _page(self._noted(kind), query.q, 0, query.rows)
        return {**found, "findings": await self._findings(found, query, now)}

    def _noted(self, kind: str) -> list[Row]:
        rows = self._inspection.trail.noted(kind)
        for row in rows if kind == "unheard" else ():
            row["declared"] = self._inspection.is_declared(row["channel"])
        return rows

    async def _findings(self, found: Row, query: Query, now: float) -> list[Row]:
        """Of the whole instance, whatever is shown of it; those first that are about what is searched for."""
        heard = self._inspection.heard()
        top = found["connections"] if query == Query() else await self._connections(Query(), now)
        whole = {**found, "connections": top, "ended": {"rows": self._inspection.trail.ended()}}
        whole |= {kind: {"rows": self._noted(kind)} for kind in KINDS}
        every = findings(whole, heard, now)
        if not query.q:
            return every
        about = {name: {"rows": _mentioning(whole[name]["rows"], query.q)} for name in ("ended", *KINDS)}
        first = findings({**whole, **about, "connections": found["connections"]}, heard, now)
        first = [one for one in first if query.q in one["text"]]
        return first + [one for one in every if one not in first]

    def _trouble(self) -> Iterable[Row]:
        for name, part in self._parts().items():
            if (text := getattr(part, "trouble", None)) is not None:
                yield {"part": name, "text": str(text)[:500]}

    def _totals(self) -> Row:
        counted = self._inspection.counters
        return {
            "published": counted.published,
            "delivered": counted.delivered,
            "delivered_bytes": counted.delivered_bytes,
            "slow_consumers": counted.slow_consumers,
            "link_breaks": counted.link_breaks,
            "closes": {str(code): count for code, count in counted.closes.items()},
            "refused": dict(counted.refused),
            "resets": dict(counted.resets),
            "recoveries": dict(counted.recoveries),
        }

    # -- lists

    async def _channels(self, query: Query) -> Row:
        every = await self._inspection.channels("")
        rates = self._rates.look((Place(channel, *position) for channel, _, position in every), monotonic())
        matching = [one for one in every if query.q in one[0]] if query.q else every
        first = _first(matching, query.channels + query.rows, _order(query.sort, rates))
        rows = [{**self._inspection.channel(*one), "rate": rates.get(one[0])} for one in first[query.channels :]]
        return {"total": len(every), "matching": len(matching), "from": query.channels, "rows": rows}

    async def _connections(self, query: Query, now: float) -> Row:
        matching = await self._inspection.connections(query.q)
        first = _first(matching, query.connections + query.rows, lambda one: (-one.outbox.waiting, one.opened_at))
        rows = [self._inspection.connection(one, now) for one in first[query.connections :]]
        total = len(await self._inspection.connections("")) if query.q else len(matching)
        return {"total": total, "matching": len(matching), "from": query.connections, "rows": rows}

    async def _read_outboxes(self) -> list[Row]:
        if monotonic() - self._outboxes_at > _FRESH_SECONDS:
            self._outboxes = list(await asyncio.gather(*map(_outbox, self._of_process()[:_FEW])))
            self._outboxes_at = monotonic()
        return self._outboxes


def _order(sort: str, rates: Mapping[str, float]) -> Callable[[tuple[str, int, Position]], Any]:
    if sort == "name":
        return lambda one: one[0]
    if sort == "rate":
        return lambda one: (-rates.get(one[0], 0), one[0])
    return lambda one: (-one[1], one[0])


def _first(items: list[Any], count: int, key: Callable[[Any], Any]) -> list[Any]:
    """Without sorting them all."""
    return heapq.nsmallest(count, items, key=key)


def _mentioning(rows: list[Row], text: str) -> list[Row]:
    if not text:
        return rows
    return [row for row in rows if any(text in str(part) for value in row.values() for part in _parts_of(value))]


def _parts_of(value: Any) -> Iterable[Any]:
    return value if isinstance(value, tuple) else (value,)


def _page(rows: list[Row], text: str, start: int, count: int) -> Row:
    matching = _mentioning(rows, text)
    return {"total": len(rows), "matching": len(matching), "from": start, "rows": matching[start : start + count]}


async def _outbox(outbox: Any) -> Row:
    told = {"waiting": outbox.rows_waiting, "trouble": outbox.trouble}
    try:
        async with asyncio.timeout(_OUTBOX_SECONDS):
            aside = await outbox.set_aside(most=_FEW)
    except Exception as error:  # drivers have errors of their own; what it says may have a password in it
        return {**told, "set_aside": [], "unread": type(error).__name__}
    rows = [{"id": one.id, "channel": one.channel[:200], "error": one.error[:200]} for one in aside]
    return {**told, "set_aside": rows, "unread": None}
