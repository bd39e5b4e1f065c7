"""Calls that may be made anywhere, and happen on the hub's loop."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.notifications.records import Records

P = ParamSpec("P")
T = TypeVar("T")


class Calls:
    """What calls work with."""

    def __init__(self, broadcast: WebSocketBroadcastBackend, records: Records, clock: Clock, ids: Ids) -> None:
        self.broadcast = broadcast
        self._records = records
        self._clock = clock
        self._ids = ids


S = TypeVar("S", bound=Calls)


def on_the_hub(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The method may be awaited on any loop and thread."""

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.broadcast.run(lambda: method(self, *args, **kwargs))

    return call
