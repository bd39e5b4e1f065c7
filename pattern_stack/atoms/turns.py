"""Long work on an event loop, which goes on with everything else meanwhile."""

import asyncio
from typing import TypeVar

from pattern_stack.atoms.steps import Steps, at_once

T = TypeVar("T")


async def in_turns(steps: Steps[T]) -> T:
    """The result; each step is a turn of the loop. Work of one step does not wait. Cancelled, it leaves the rest undone."""
    try:
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            await asyncio.sleep(0)
    finally:
        steps.close()


async def to_the_end(steps: Steps[T]) -> T:
    """The same for what must not be left half done. Cancelled, it does the rest at once and returns the result.

    CancelledError is raised by the caller's next await that waits.
    """
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            break
    result = at_once(steps)
    task = asyncio.current_task()
    assert task
    task.uncancel()  # it is cancelled once, not twice: a timeout counts
    task.cancel()
    return result
