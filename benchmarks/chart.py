"""The results as a picture: deliveries a second, to be read in a light page and in a dark one."""

from html import escape
from typing import Any

from benchmarks.systems import System

_WIDTH, _BAR, _LEFT, _RIGHT = 760, 22, 250, 90
_INK = "#7a7f87"


def chart(results: dict[str, Any], titles: dict[str, System]) -> str:
    """A bar for each system, for the runs with the first number of clients."""
    parts: list[str] = []
    top = 30
    for name in list(results["results"])[:2]:
        row = results["results"][name]
        clients, burst = name.split(" x ")
        kind = "single events" if burst == "1" else f"bursts of {burst}"
        parts.append(_text(10, top, f"Deliveries a second, {clients} subscribers, {kind}", "bold"))
        top += 14
        most = max(one["rate"] for one in row.values())
        for system, one in row.items():
            length = (_WIDTH - _LEFT - _RIGHT) * one["rate"] / most
            colour = "#2f6fed" if system.startswith("pattern_stack") else "#b9bec6"
            parts.append(_text(_LEFT - 10, top + 15, titles[system].title, anchor="end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 6}" rx="3" fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + length + 6, top + 13, f"{one['rate'] / 1e3:,.0f} k"))
            top += _BAR
        top += 34
    foot = f"{results['machine']}; {results['versions']}; {results['date']}"
    parts.append(_text(10, top - 12, foot, size=9))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="system-ui, sans-serif">'
        f"{''.join(parts)}</svg>\n"
    )


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{_INK}">'
        f"{escape(text)}</text>"
    )
