"""The text of a todo's file."""

from collections.abc import Sequence
from typing import NamedTuple

_FENCE = "---"


class TodoText(NamedTuple):
    status: str
    description: str
    has_requirements: bool
    has_implementation_plan: bool


def parse(text: str) -> TodoText:
    """Every line is looked at a fixed number of times, whatever the text is."""
    fields, lines = _front_matter(text.splitlines())
    body = [line.strip() for line in lines if line.strip()]
    headings = {line.lstrip("#").strip().lower() for line in body if line.startswith("#")}
    first = body[0].lstrip("#").strip() if body else ""
    return TodoText(
        status=(fields.get("status") or "pending")[:1_000],
        description=(fields.get("description") or first)[:10_000],
        has_requirements="requirements" in headings,
        has_implementation_plan="implementation plan" in headings,
    )


def _front_matter(lines: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """The fields of the front matter, and the lines after it. Front matter that is never closed is text."""
    if not lines or lines[0].rstrip() != _FENCE:
        return {}, lines
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() == _FENCE), None)
    if end is None:
        return {}, lines
    pairs = (line.partition(":") for line in lines[1:end])
    return {name: value.strip() for name, _, value in pairs}, lines[end + 1 :]
