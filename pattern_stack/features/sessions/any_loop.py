"""Methods that may be awaited on any event loop, and may wait there."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend, on_the_hub

P = ParamSpec("P")
T = TypeVar("T")


class HasBroadcast(Protocol):
    """Has the backend whose loop its methods run on."""

    @property
    def broadcast(self) -> WebSocketBroadcastBackend: ...


S = TypeVar("S", bound=HasBroadcast)


def on_any_loop(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The method may be awaited on any event loop, in any thread. It runs on the hub's loop.

    While no loop uses the hub it runs on the caller's, and may wait there, as for a store: `on_the_hub` alone could not.
    The call raises BroadcastClosed where the hub's loop ends before the method has answered.
    """
    elsewhere = on_the_hub(method)

    @wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if await _running_loop(self) is asyncio.get_running_loop():
            return await method(self, *args, **kwargs)
        return await elsewhere(self, *args, **kwargs)

    return call


@on_the_hub
async def _running_loop(_: HasBroadcast) -> asyncio.AbstractEventLoop:
    """The hub's, or the caller's while no loop uses the hub."""
    return asyncio.get_running_loop()
