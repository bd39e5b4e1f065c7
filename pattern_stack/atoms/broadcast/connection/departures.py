"""Memberships that have ended, whose hooks and presence are still being told."""

import asyncio
from collections.abc import Sequence

from pattern_stack.atoms.broadcast.connection.membership import Membership
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.instance.instance import Instance


class Departures:
    """Of one connection. A channel can be joined again when its departure is over."""

    __slots__ = ("_connection", "_instance", "_tasks")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def over(self, channel: str) -> None:
        """Wait until the channel's departure, if there is one, is over."""
        if task := self._tasks.get(channel):
            await asyncio.wait([task])

    def start(self, members: Sequence[Membership]) -> "asyncio.Task[None] | None":
        """Tell hooks and presence of members that are off their channel; None where nobody has to be told.

        The task is not cancelled with the connection: a hook that has begun runs to its end.
        """
        told = [member for member in members if member.joined or member.present]
        if not told:
            return None
        task = self._instance.spawn(self._announce(told))
        if not task.done():  # eager tasks
            self._tasks.update({member.channel: task for member in told})
        return task

    async def _announce(self, members: Sequence[Membership]) -> None:
        for member in members:
            await member.announce_leave(self._connection, self._instance)
        for member in members:
            self._tasks.pop(member.channel, None)
