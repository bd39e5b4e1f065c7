"""The channels that one connection is on now: what was buffered is released, and leaving tells hooks and presence."""

import asyncio
from collections.abc import Iterable, Sequence

from pattern_stack.atoms.broadcast.connection.departures import Departures
from pattern_stack.atoms.broadcast.connection.membership import Membership
from pattern_stack.atoms.broadcast.connection.snapshots import SnapshotQueue, make_snapshot
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.core.protocol import Id
from pattern_stack.atoms.broadcast.instance.instance import Instance


class JoinedChannels:
    """Of one connection. What few connections need is made when it is needed."""

    __slots__ = ("_by_channel", "_connection", "_departures", "_instance", "_snapshots")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._by_channel: dict[str, Membership] = {}
        self._departures: Departures | None = None
        self._snapshots: SnapshotQueue | None = None

    @property
    def channels(self) -> Iterable[str]:
        return self._by_channel.keys()

    def get(self, channel: str) -> Membership | None:
        return self._by_channel.get(channel)

    def all(self) -> list[Membership]:
        return list(self._by_channel.values())

    def holds(self, member: Membership) -> bool:
        """Whether it is still the channel's, and not one that has left."""
        return self._by_channel.get(member.channel) is member

    # -- in

    @property
    def has_left(self) -> bool:
        """Whether hooks or presence have been told of a departure of the connection, or are told now."""
        return self._departures is not None

    async def may_join(self, channel: str) -> None:
        """Wait until the connection's last departure from the channel is over."""
        if self._departures:
            await self._departures.over(channel)

    def add(self, member: Membership) -> None:
        """On the channel from now on; its events are buffered until `release`."""
        self._instance.hub.join(member.channel, self._connection.outbox)
        self._by_channel[member.channel] = member
        member.position = self._instance.engine.position(member.channel)

    def buffer(self, member: Membership) -> None:
        member.start_buffering(self._connection, self._instance)

    def release(self, member: Membership, first: Sequence[Event]) -> None:
        """Send `first`, then what was buffered. From here on events go straight to the outbox."""
        if not self.holds(member) or member.position is None:
            return
        later = member.stop_buffering(self._connection, self._instance)
        if first:
            self._connection.send(*first, bulk=True)
        if later:
            self._connection.send(*later)
        if member.ending:
            self.channel_ended(member.channel)

    # -- snapshots

    async def make_snapshot(self, member: Membership) -> tuple[Position, list[Event]]:
        return await make_snapshot(member, self._connection, self._instance, lambda: self.buffer(member))

    def queue_snapshot(self, channel: str, id: Id = None) -> None:
        """Make it behind those that are asked for already."""
        if self._snapshots is None:
            self._snapshots = SnapshotQueue(self._instance, self._send_snapshot, self._connection.written)
        self._snapshots.add(channel, id)

    async def snapshots_finished(self, channel: str) -> None:
        if self._snapshots:
            await self._snapshots.finished(channel)

    async def _send_snapshot(self, channel: str, id: Id) -> None:
        member = self._by_channel.get(channel)
        if member is None:
            return
        is_first = member.position is not None
        try:
            _, events = await self.make_snapshot(member)
        except Exception as error:
            self._connection.refuse(member.refusal(error, id, self._instance))
            if is_first:  # the client has no state to apply events to
                self.part([channel])
                self._connection.send(protocol.unsubscribed([channel]))
            events = []
        self.release(member, events)

    # -- out

    def part(self, channels: Iterable[str]) -> "asyncio.Task[None] | None":
        """Off these channels at once. The task tells hooks and presence; None where nobody has to be told."""
        return self.depart([member for channel in list(channels) for member in self._forget(channel)])

    def depart(self, members: Sequence[Membership]) -> "asyncio.Task[None] | None":
        if self._departures is None:
            if not any(member.joined or member.present for member in members):
                return None
            self._departures = Departures(self._connection, self._instance)
        return self._departures.start(members)

    def channel_ended(self, channel: str) -> None:
        """The application ended the channel: the client is told after what is still buffered for it."""
        member = self._by_channel.get(channel)
        if member and member.position is not None:
            member.ending = True
        elif member:
            self.part([channel])
            self._connection.send(protocol.unsubscribed([channel]))

    def drop(self) -> None:
        """Off every channel at once."""
        if self._snapshots:
            self._snapshots.clear()
        self.part(self._by_channel)

    def _forget(self, channel: str) -> list[Membership]:
        member = self._by_channel.pop(channel, None)
        if member is None:
            return []
        self._instance.hub.leave(channel, self._connection.outbox)
        self._instance.engine.unsubscribe(channel)
        if self._snapshots:
            self._snapshots.discard(channel)
        return [member]
