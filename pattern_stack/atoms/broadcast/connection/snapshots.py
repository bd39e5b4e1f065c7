"""Snapshots of one connection's channels: one after the other, so that a client holds no more of them than it reads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pattern_stack.atoms.broadcast.connection.membership import Membership
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, encode_snapshot
from pattern_stack.atoms.broadcast.core.protocol import Id
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import BroadcastUnavailable


class SnapshotQueue:
    """Channels that a snapshot is to be made for. The next is made when the one before has been written.

    `send` makes and sends one; `written` waits until nothing big waits for the client. A channel that is added while it
    waits here is in the queue once.
    """

    def __init__(
        self,
        instance: Instance,
        send: Callable[[str, Id], Coroutine[Any, Any, None]],
        written: Callable[[], Awaitable[None]],
    ) -> None:
        self._instance = instance
        self._send = send
        self._written = written
        self._waiting: dict[str, Id] = {}
        self._current: tuple[str, asyncio.Task[None]] | None = None
        self._worker: asyncio.Task[None] | None = None

    def add(self, channel: str, id: Id) -> None:
        self._waiting[channel] = id
        if self._worker is None or self._worker.done():
            self._worker = self._instance.spawn(self._work())

    def discard(self, channel: str) -> None:
        """The connection is off the channel: a snapshot that is being made is cancelled."""
        self._waiting.pop(channel, None)
        if self._current and self._current[0] == channel:
            self._current[1].cancel()

    def clear(self) -> None:
        self._waiting.clear()
        for task in (self._worker, self._current and self._current[1]):
            if task:
                task.cancel()

    async def finished(self, channel: str) -> None:
        """Wait until no snapshot of the channel waits here or is being made."""
        while self._worker and (channel in self._waiting or (self._current and self._current[0] == channel)):
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while self._waiting:
            channel = next(iter(self._waiting))
            task = self._instance.spawn(self._send(channel, self._waiting.pop(channel)))
            self._current = (channel, task)
            await asyncio.wait([task])
            self._current = None
            await self._written()


async def make_snapshot(
    member: Membership, connection: ManagedConnection, instance: Instance, begin: Callable[[], None]
) -> tuple[Position, list[Event]]:
    """The position to tell the client, and the snapshot as an event there; no event where the channel has none.

    `begin` takes the member's position and starts to buffer. No await lies between it and the hook: live state of this
    process is the state at that position.

    State from before the member's position is followed by the events that it lacks. State from after it moves the position.
    """
    state = await member.call("snapshot", connection, instance, begin)
    here, between = member.position, list[Event]()
    assert here is not None
    if state is None:
        return here, []
    there = here
    if isinstance(state, tuple):
        state, there = state
        between = await _between(instance, member.channel, there, here)
        member.position = max(here, there)
    state = instance.channels.snapshot(member.channel, state)
    return there, [encode_snapshot(member.channel, state, there, instance.limits), *between]


async def _between(instance: Instance, channel: str, there: Position, here: Position) -> list[Event]:
    await instance.catch_up(channel, there)
    newest = instance.engine.position(channel)
    missing: list[Event] | None = []
    if there.offset < here.offset:
        missing = await instance.engine.history(channel, there, here)
    if missing is None or there.epoch != newest.epoch or there.offset > newest.offset:
        raise BroadcastUnavailable(f"the snapshot of {channel} does not fit its history; try again")
    return missing
