"""Methods that may be awaited anywhere and run on the hub's event loop."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend

P = ParamSpec("P")
T = TypeVar("T")


class OnTheHub(Protocol):
    """Has the backend whose loop its methods run on."""

    @property
    def broadcast(self) -> InstanceBackend: ...


S = TypeVar("S", bound=OnTheHub)


def on_the_hub(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The method may be awaited on any event loop, in any thread. What it does between two awaits is one step for everybody.

    The call raises BroadcastClosed where the hub's loop ends before the method has answered.
    """

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.broadcast.run(lambda: method(self, *args, **kwargs))

    return call
