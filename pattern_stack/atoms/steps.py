"""Long work in pieces: whoever carries it out decides what happens between them. No IO."""

from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work that pauses at each `yield`, about every millisecond, and returns its result. Nothing is done before the first step."""


def at_once(steps: Steps[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def collect(items: Iterable[T], piece: int = 256) -> Steps[list[T]]:
    """The items in a list, with a pause after each `piece` of them."""
    found: list[T] = []
    for item in items:
        found.append(item)
        if len(found) % piece == 0:
            yield
    return found
