"""A call that was made from elsewhere arrives on a loop that the hub has left meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.instance.loop import LoopOwner
from pattern_stack.errors import BroadcastClosed


@pytest.fixture
def loops() -> Iterator[list[asyncio.AbstractEventLoop]]:
    """The hub's, and another one."""
    loops = [asyncio.new_event_loop() for _ in range(2)]
    yield loops
    for loop in loops:
        loop.close()


async def nothing() -> None: ...


class Hub:
    """Whose calls note whether they run alone: on the hub's loop, or under the lock."""

    def __init__(self) -> None:
        self.owner = LoopOwner(lambda: None, lambda: None, nothing)
        self.alone: list[bool] = []

    async def call(self) -> None:
        self.note()

    def note(self) -> None:
        self.alone.append(self.owner.is_current() or self.owner._lock._is_owned())  # type: ignore[attr-defined]


async def on(owner: LoopOwner, step: str) -> None:
    getattr(owner, step)()


@pytest.fixture
def hub(loops: list[asyncio.AbstractEventLoop]) -> Hub:
    hub = Hub()
    loops[0].run_until_complete(on(hub.owner, "acquire"))
    return hub


def test_while_it_is_the_hubs_it_stays_so_until_the_call_ends(hub: Hub, loops: list[asyncio.AbstractEventLoop]) -> None:
    async def call() -> bool:
        hub.owner.release()  # the last holder but the call itself
        return hub.owner.is_current()

    _, crossing = hub.owner._cross(call)
    assert loops[0].run_until_complete(asyncio.wrap_future(crossing, loop=loops[0])) is True
    assert not hub.owner.is_owned


def test_where_nobody_holds_it_any_more_the_call_runs_alone(hub: Hub, loops: list[asyncio.AbstractEventLoop]) -> None:
    _, crossing = hub.owner._cross(hub.call)
    hub.owner.call_soon(pytest.fail, hub.note)
    hub.owner.release()
    loops[0].run_until_complete(asyncio.wrap_future(crossing, loop=loops[0]))
    assert hub.alone == [True, True]


def test_where_the_hub_is_on_another_loop_the_call_is_refused(hub: Hub, loops: list[asyncio.AbstractEventLoop]) -> None:
    _, crossing = hub.owner._cross(hub.call)
    hub.owner.release()
    loops[1].run_until_complete(on(hub.owner, "acquire"))
    waiting: Any = asyncio.wrap_future(crossing, loop=loops[0])
    with pytest.raises(BroadcastClosed):
        loops[0].run_until_complete(waiting)
    assert hub.alone == []
    assert loops[1].run_until_complete(on_loop(hub.owner))


async def on_loop(owner: LoopOwner) -> bool:
    return owner.is_current()
