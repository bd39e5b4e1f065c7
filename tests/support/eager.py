"""`pytest --eager`: every event loop of the run starts its tasks eagerly (Python 3.12 and later): a task may have ended
before the call that makes it returns."""

import asyncio
from asyncio import base_events
from collections.abc import Callable
from typing import Any

import uvloop


def start_tasks_eagerly() -> None:
    """On the loops that are made from here on in this process. Raises AttributeError before Python 3.12."""
    eager = asyncio.eager_task_factory  # type: ignore[attr-defined, unused-ignore]
    make = base_events.BaseEventLoop.__init__

    def made(loop: base_events.BaseEventLoop) -> None:
        make(loop)
        loop.set_task_factory(eager)

    base_events.BaseEventLoop.__init__ = made  # type: ignore[method-assign]
    uvloop.new_event_loop = _eager(uvloop.new_event_loop, eager)


def _eager(make: Callable[[], Any], factory: Any) -> Callable[[], Any]:
    def made() -> Any:
        loop = make()
        loop.set_task_factory(factory)
        return loop

    return made
