"""The channels one connection is on: in past the hooks, caught up from one position, and out again."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pattern_stack.atoms.broadcast.connection.membership import HOOKS, Joined, Membership, refusal
from pattern_stack.atoms.broadcast.connection.snapshot import snapshot
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import NotFound


class Subscriptions:
    """Owned by a connection. Its frames come one at a time; refreshes, ends and the loss of the socket come at any time."""

    __slots__ = ("_connection", "_held", "_instance", "_leaving")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._held: dict[str, Membership] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}

    @property
    def channels(self) -> Iterable[str]:
        return self._held

    def _may_wait(self, channels: Iterable[str]) -> bool:
        """Whether a hook has to be called for any of these, or a store asked."""
        if self._instance.link:
            return True
        found = (self._instance.channels.match(channel) for channel in channels)
        return any(match and (match[0].presence or any(map(match[0].overrides, HOOKS))) for match in found)

    # -- in

    async def subscribe(self, command: protocol.Subscribe) -> None:
        """Errors, the reply, resets, then for each channel its snapshot or replay and what was held meanwhile."""
        wished = {*self._held, *command.channels}.difference(self._instance.everyone)
        if len(wished) > self._instance.limits.channels:
            text = f"a connection may be on {self._instance.limits.channels} channels"
            self._connection.refuse(CommandError("too_many_channels", text, command.id))
            return
        joined = await self._join_all(command.channels, command.since, command.id, by_client=True)
        if command.id is not None:
            told = {one.member.channel: (self._next_after(one), one.recovered) for one in joined}
            self._connection.send(protocol.subscribed(told, command.id))
        self._release(joined)

    def _next_after(self, one: Joined) -> Position:
        return one.position or one.member.position or self._instance.engine.position(one.member.channel)

    async def subscribe_all(self, channels: Sequence[str]) -> None:
        """Put it on these channels without its asking; one that refuses it is left out."""
        self._release(await self._join_all(channels, {}, None, by_client=False))

    async def _join_all(
        self, channels: Sequence[str], since: Mapping[str, Position], id: Id, *, by_client: bool
    ) -> list[Joined]:
        """Enter each. Where the client has by_client, those that refuse are told of in error frames."""
        entering = [self._join_or_refuse(channel, since.get(channel), by_client, id) for channel in channels]
        outcomes = await asyncio.gather(*entering) if self._may_wait(channels) else [await one for one in entering]
        for outcome in outcomes:
            if isinstance(outcome, CommandError) and by_client:
                self._connection.refuse(outcome)
        # a channel that was held already may have ended while another one's hook ran
        return [one for one in outcomes if isinstance(one, Joined) and self._held.get(one.member.channel) is one.member]

    async def _join_or_refuse(
        self, channel: str, since: Position | None, by_client: bool, id: Id
    ) -> Joined | CommandError:
        member = self._held.get(channel)
        try:
            if member is None:
                return await self._join(channel, since, by_client)
            return await self._repeat(member, since, by_client)
        except Exception as error:
            return refusal(error, channel, id)

    async def _join(self, channel: str, since: Position | None, by_client: bool) -> Joined:
        spec, params = self._instance.channels.match(channel) or (None, {})
        member = Membership(channel, spec, params, by_client)
        if channel in self._leaving:
            await asyncio.wait([self._leaving[channel]])
        await member.call("authorize", self._connection)
        await self._instance.engine.subscribe(channel)
        try:
            await member.call("joined", self._connection)
            member.joined = spec is not None and spec.overrides("left")
            if spec and spec.presence:
                await member.announce_join(self._connection, self._instance)
            if spec and (spec.presence or spec.overrides("joined")):
                await self._instance.catch_up(channel, None)  # what was published there is none of its events
            if self._connection.closed:
                raise asyncio.CancelledError
        except BaseException:
            self._instance.engine.unsubscribe(channel)
            self._part([member])
            raise
        self._instance.hub.join(channel, self._connection.outbox)
        self._held[channel] = member
        member.position = self._instance.engine.position(channel)
        try:
            return await self._catch_up(member, since)
        except BaseException:
            self._part(self._forget(channel))
            raise

    async def _repeat(self, member: Membership, since: Position | None, by_client: bool) -> Joined:
        first, member.by_client = by_client and not member.by_client, member.by_client or by_client
        if since is None or not first:
            return Joined(member)
        if member.refreshing:
            await asyncio.wait([member.refreshing])
        self._hold(member)
        try:
            return await self._catch_up(member, since)
        except BaseException:
            self._release_held(member, ())
            raise

    async def _catch_up(self, member: Membership, since: Position | None) -> Joined:
        """With the channel's events held: what lies between the client's position, or nothing, and the held ones."""
        if since is not None and await self._instance.catch_up(member.channel, since):
            self._hold(member)
        assert member.position is not None
        if since is not None:
            events = await self._instance.engine.history(member.channel, since, member.position)
            if events is not None:
                return Joined(member, since, True, events)
        told, state = await snapshot(member, self._connection, self._instance)
        return Joined(member, told, None if since is None else False, state)

    def _release(self, joined: Sequence[Joined]) -> None:
        lost = {one.member.channel: self._next_after(one) for one in joined if one.recovered is False}
        if lost:
            self._connection.send(protocol.reset(lost))
        for one in joined:
            if one.member.position is not None and one.member.refreshing is None:  # not so where it was on already
                self._release_held(one.member, one.events)

    # -- positions and snapshots

    def _hold(self, member: Membership) -> None:
        self._instance.hub.start_buffering(member.channel, self._connection.outbox)
        member.position = self._instance.engine.position(member.channel)

    def _release_held(self, member: Membership, first: Sequence[Event]) -> None:
        """Send what comes first, then what was held; from here on events go straight to the outbox."""
        if self._held.get(member.channel) is not member or member.position is None:
            return
        held = self._instance.hub.stop_buffering(member.channel, self._connection.outbox)
        later = _after(member.position, held)
        member.position = None
        if first:
            self._connection.send(*first, bulk=True)
        if later:
            self._connection.send(*later)
        if member.ending:
            self.channel_ended(member.channel)

    def refresh(self, command: protocol.Refresh) -> None:
        """The reply, then a snapshot of each of these that has one. One is under way at a time; more are one more."""
        held = [self._held[channel] for channel in command.channels if channel in self._held]
        members = [member for member in held if member.spec and member.spec.overrides("snapshot")]
        if command.id is not None:
            self._connection.send(protocol.refreshed([member.channel for member in members], command.id))
        for member in members:
            if member.refreshing:
                member.again = True
            else:
                member.refreshing = self._instance.spawn(self._refresh(member, command.id))

    async def _refresh(self, member: Membership, id: Id) -> None:
        try:
            member.again = True
            while member.again and self._held.get(member.channel) is member:
                member.again = False
                self._hold(member)
                await self._refresh_once(member, id)
        finally:
            member.refreshing = None

    async def _refresh_once(self, member: Membership, id: Id) -> None:
        try:
            _, events = await snapshot(member, self._connection, self._instance)
        except Exception as error:
            self._connection.refuse(refusal(error, member.channel, id))
            events = []
        self._release_held(member, events)

    # -- who is there, and who may be

    async def presence(self, command: protocol.PresenceQuery) -> None:
        present: dict[str, list[dict[str, Any]]] = {}
        for channel in command.channels:
            try:
                await self._may_ask(channel)
                present[channel] = await self._instance.engine.presence(channel).members(channel)
            except Exception as error:
                self._connection.refuse(refusal(error, channel, command.id))
        if command.id is not None:
            self._connection.send(protocol.presence(present, command.id))

    async def _may_ask(self, channel: str) -> None:
        spec, params = self._instance.channels.match(channel) or (None, {})
        if spec is None or not spec.presence:
            raise NotFound(f"{channel} keeps no presence")
        if channel not in self._held:
            await Membership(channel, spec, params, by_client=True).call("authorize", self._connection)

    async def reauthorize(self, id: Id) -> None:
        """After a renewal: what is no longer allowed is unsubscribed, with an error that names it."""
        for member in list(self._held.values()):
            try:
                await member.call("authorize", self._connection)
            except Exception as error:
                self._part(self._forget(member.channel))
                self._connection.refuse(refusal(error, member.channel, id))

    # -- out

    async def unsubscribe(self, command: protocol.Unsubscribe) -> None:
        task = self._part([member for channel in command.channels for member in self._forget(channel)])
        if task:
            await asyncio.wait([task])  # not cancelled with the connection: a hook that has begun runs to its end
        if command.id is not None:
            self._connection.send(protocol.unsubscribed(command.channels, command.id))

    def channel_ended(self, channel: str) -> None:
        """The channel has ended: after what is still held for it, the client is told that it is off."""
        member = self._held.get(channel)
        if member and member.position is not None:
            member.ending = True
        elif member:
            self._part(self._forget(channel))
            self._connection.send(protocol.unsubscribed([channel]))

    def drop(self) -> None:
        """Off every channel at once."""
        self._part([member for channel in list(self._held) for member in self._forget(channel)])

    def _forget(self, channel: str) -> list[Membership]:
        member = self._held.pop(channel, None)
        if member is None:
            return []
        self._instance.hub.leave(channel, self._connection.outbox)
        self._instance.engine.unsubscribe(channel)
        if member.refreshing:
            member.refreshing.cancel()
        return [member]

    def _part(self, members: Sequence[Membership]) -> "asyncio.Task[None] | None":
        """What hooks and presence have to be told of those who are off already; None where it is nothing."""
        told = [member for member in members if member.joined or member.present]
        if not told:
            return None
        task = self._instance.spawn(self._announce_leaves(told))
        for member in told:
            self._leaving[member.channel] = task
        return task

    async def _announce_leaves(self, members: Sequence[Membership]) -> None:
        for member in members:
            await member.announce_leave(self._connection, self._instance)
        for member in members:
            del self._leaving[member.channel]


def _after(position: Position, held: Sequence[Event | Reset]) -> list[Event | Reset]:
    """What follows the position; all that follows a reset does."""
    resets = [index for index, one in enumerate(held) if isinstance(one, Reset)]
    first = resets[0] if resets else len(held)
    return [one for index, one in enumerate(held) if index >= first or one.position.offset > position.offset]
