"""A channel pattern whose hooks a test can follow, hold up and make fail."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from pattern_stack import Channel, WebSocketBroadcastBackend
from tests.support.client import Message
from tests.support.patience import PATIENCE
from tests.support.server import Server

_HOOKS = ("authorize", "joined", "snapshot", "left")


class Watched:
    """Each hook is noted in `calls`, as its name and parameters, before it does what the test gave for it.

    That is a step or a list of steps: an exception is raised, an asyncio.Event waited for, a callable called with the
    connection and the parameters; the last step's value is what the hook returns. A hook that is cancelled notes that too.
    """

    def __init__(
        self, backend: WebSocketBroadcastBackend, pattern: str = "room:{name}", presence: Any = False, **steps: Any
    ) -> None:
        self.calls: list[str] = []
        self._changed = asyncio.Event()
        hooks = {hook: self._hook(hook, steps.get(hook)) for hook in _HOOKS}
        backend.channel(pattern, presence=presence)(type("Noted", (Channel,), hooks))

    def _hook(self, hook: str, steps: Any) -> Any:
        async def call(_: Channel, connection: Any, **params: str) -> Any:
            name = " ".join([hook, *params.values()])
            self._note(name)
            result = None
            try:
                for step in steps if isinstance(steps, list) else [steps]:
                    result = await _take(step, connection, params)
            except asyncio.CancelledError:
                self._note(f"{name} cancelled")
                raise
            return result

        return call

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._changed.set()

    async def until(self, call: str, times: int = 1) -> None:
        """To be awaited on the server's loop."""
        async with asyncio.timeout(PATIENCE):
            while self.calls.count(call) < times:
                self._changed.clear()
                await self._changed.wait()


async def _take(step: Any, connection: Any, params: dict[str, str]) -> Any:
    if isinstance(step, Exception):
        raise step
    if isinstance(step, asyncio.Event):
        return await step.wait()
    result = step(connection, **params) if callable(step) else step
    return await result if isinstance(result, Awaitable) else result


class Turnstile:
    """As a hook's step: lets the first through, and then each call only when the test says so. Returns how many came."""

    def __init__(self, free: int = 1) -> None:
        self._tickets = asyncio.Semaphore(free)
        self.count = 0

    async def __call__(self, connection: Any, name: str) -> dict[str, int]:
        self.count += 1
        count = self.count
        await self._tickets.acquire()
        return {"n": count}

    async def admit(self, server: Server) -> None:
        await server.acall(self._tickets.release)


def shown(messages: list[Message]) -> list[tuple[str, int]]:
    """Events, by name and offset."""
    return [(message["event"], message["offset"]) for message in messages]


async def publish(backend: WebSocketBroadcastBackend, *events: str) -> None:
    """In room 7."""
    for event in events:
        await backend.broadcast("room:7", event, {})


async def called(server: Server, rooms: Watched, times: int) -> None:
    """That many snapshots have been asked for."""
    await server.acall(lambda: rooms.until("snapshot 7", times))
