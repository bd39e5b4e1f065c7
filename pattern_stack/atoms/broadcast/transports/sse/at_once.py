"""A call of a coroutine function that mostly has nothing to wait for, without a task of its own."""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def run_at_once(call: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | None:
    """Run it up to its first wait. None where it has ended; else what has to be awaited. Raises what it raises."""
    try:
        waiting = call.send(None)
    except StopIteration:
        return None
    return _rest(call, waiting)


async def _rest(call: Coroutine[Any, Any, None], waiting: Any) -> None:
    await _steps(call, waiting)


@coroutine
def _steps(call: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """The task that awaits this waits for what the call waits for."""
    try:
        while True:
            try:
                sent = yield waiting
            except BaseException as error:
                waiting = call.throw(error)
            else:
                waiting = call.send(sent)
    except StopIteration:
        return
