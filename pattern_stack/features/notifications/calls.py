"""Calls that may be made anywhere and happen on the hub's loop."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend

P = ParamSpec("P")
T = TypeVar("T")


class OnHub(Protocol):
    broadcast: WebSocketBroadcastBackend


S = TypeVar("S", bound=OnHub)


def on_the_hub(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The method may be awaited on any loop and thread."""

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.broadcast.run(lambda: method(self, *args, **kwargs))

    return call
