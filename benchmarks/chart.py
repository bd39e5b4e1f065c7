"""The results as a picture: deliveries a second, the fastest first, to be read in a light page and in a dark one."""

import re
import textwrap
from html import escape
from typing import Any

from benchmarks.report import Row, Table

_WIDTH, _BAR, _LEFT, _RIGHT = 760, 22, 230, 70
_INK = "#7a7f87"  # has enough contrast on white and on black
_OURS, _FLOOR, _OTHERS = "#2f6fed", "#7fb3a3", "#aab1bd"


def chart(about: dict[str, Any], tables: dict[str, Table], titles: dict[str, str]) -> str:
    """A bar for each system, for single events and for bursts to the first number of clients."""
    parts: list[str] = []
    top = 24
    for title in [title for title in tables if re.fullmatch(r"\d+ x \d+", title)][:2]:
        parts.append(_text(10, top, _heading(title), "bold"))
        bars, top = _bars(tables[title], titles, top + 12)
        parts += bars
        top += 34
    for line in _foot(about):
        parts.append(_text(10, top - 8, line, size=10))
        top += 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="system-ui, sans-serif">'
    return "\n".join([head, *parts, "</svg>\n"])


def _heading(title: str) -> str:
    clients, burst = title.split(" x ")
    kind = "single events" if burst == "1" else f"bursts of {burst}"
    return f"Deliveries a second to {int(clients):,} subscribers, {kind}"


def _foot(about: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = f"{about['machine']}; {about['date']}; one core for the server"
    return [where, *textwrap.wrap(versions, 130, break_on_hyphens=False)]


def _bars(table: Table, titles: dict[str, str], top: int) -> tuple[list[str], int]:
    """The bars, and where they end. What never came through is last, without one."""
    parts = []
    most = max(map(_rate, table.values())) or 1
    for system, row in sorted(table.items(), key=lambda one: _rate(one[1]), reverse=True):
        length = (_WIDTH - _LEFT - _RIGHT) * _rate(row) / most
        box = f'x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 6}" rx="3"'
        parts.append(_text(_LEFT - 10, top + 13, titles[system], anchor="end"))
        parts.append(f'<rect {box} fill="{_colour(system)}"/>')
        parts.append(_label(row, length, top + 13))
        top += _BAR
    return parts, top


def _label(row: Row, length: float, base: int) -> str:
    """Beside the bar; inside it, where trouble makes it long and there is no room beside."""
    rate = [f"{_rate(row) / 1e3:,.0f} k"] if row.medians else []
    label = ", ".join([*rate, row.trouble.partition(" (")[0]]).strip(", ")
    if row.trouble and length > (_WIDTH - _LEFT) / 2:
        return _text(_LEFT + length - 6, base, label, anchor="end", ink="#20242a")
    return _text(_LEFT + length + 6, base, label)


def _rate(row: Row) -> float:
    return row.medians.get("rate", 0)


def _colour(system: str) -> str:
    return _OURS if system.startswith("pattern_stack") else _FLOOR if system.startswith("floor") else _OTHERS


def _text(
    x: float, y: float, text: str, weight: str = "normal", anchor: str = "start", size: int = 12, ink: str = _INK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{ink}">'
        f"{escape(text)}</text>"
    )
