"""The channels that one connection is on: subscribe past the hooks, catch up from one position, unsubscribe."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.connection.membership import Joined, Membership, refusal
from pattern_stack.atoms.broadcast.connection.snapshots import SnapshotQueue, make_snapshot
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import NotFound

_HOOKS_AT_ONCE = 16
_HOOK_WORK = 5
_REFUSAL_WORK = 5
_FAILURE_WORK = 50


class _Entered(NamedTuple):
    """A channel past its hooks."""

    member: Membership
    since: Position | None
    new: bool
    catches_up: bool


class Subscriptions:
    """Owned by a connection. Its commands come one at a time; snapshots, ends and the loss of the socket come at any time."""

    __slots__ = ("_connection", "_instance", "_leaving", "_members", "_snapshots")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._members: dict[str, Membership] = {}
        self._leaving: dict[str, asyncio.Task[None]] | None = None
        self._snapshots: SnapshotQueue | None = None

    @property
    def channels(self) -> Iterable[str]:
        return self._members

    def cost(self, command: protocol.Subscribe | protocol.PresenceQuery | protocol.Refresh) -> int:
        """The work that a command asks for: see Limits.work_per_second."""
        subscribes = isinstance(command, protocol.Subscribe)
        since = command.since if isinstance(command, protocol.Subscribe) else {}
        return sum(
            1 + (channel in since) + _HOOK_WORK * self._has_hooks(channel)
            for channel in command.channels
            if not (subscribes and channel in self._members)
        )

    def _has_hooks(self, channel: str) -> bool:
        match = self._instance.channels.match(channel)
        return match is not None and bool(match[0].presence or match[0].hooks)

    # -- subscribe

    async def subscribe(self, command: protocol.Subscribe) -> None:
        """Errors, the reply, resets, then for each channel its snapshot or replay and what was buffered meanwhile."""
        fitting = self._fitting(command.channels)
        for channel in command.channels:
            if channel not in fitting:
                text = f"a connection may be on {self._instance.limits.channels} channels"
                self._connection.refuse(CommandError("too_many_channels", text, command.id, channel))
        joined = await self._join_all(list(fitting), command.since, command.id, by_client=True)
        if command.id is not None:
            told = {one.member.channel: (self._next_after(one), one.recovered) for one in joined}
            self._connection.send(protocol.subscribed(told, command.id))
        self._release_all(joined)

    def _fitting(self, channels: Sequence[str]) -> dict[str, None]:
        """Those of these that the connection is on already, or still has room for, in their order."""
        free = {*self._members, *self._instance.everyone}
        room = self._instance.limits.channels - len(self._members.keys() - self._instance.everyone)
        fitting: dict[str, None] = {}
        for channel in channels:
            room -= channel not in free
            if channel in free or room >= 0:
                fitting[channel] = None
        return fitting

    def _next_after(self, one: Joined) -> Position:
        return one.position or one.member.position or self._instance.engine.position(one.member.channel)

    async def subscribe_all(self, channels: Sequence[str]) -> None:
        """Server-side subscriptions: put the connection on these channels. One that refuses it is left out."""
        self._release_all(await self._join_all(channels, {}, None, by_client=False))

    async def _join_all(
        self, channels: Sequence[str], since: Mapping[str, Position], id: Id, *, by_client: bool
    ) -> list[Joined]:
        """Join each channel, then catch up one after the other. A client is told of those that refuse it, in their order."""
        entered = await self._enter_all([(channel, since.get(channel), by_client, id) for channel in channels])
        outcomes: list[Joined | CommandError] = []
        made = 0
        for one in entered:
            if isinstance(one, CommandError):
                outcomes.append(one)
                continue
            outcome = await self._caught_up(one, id, made > self._instance.limits.outbox_bytes)
            if isinstance(outcome, Joined) and not outcome.recovered:
                made += sum(len(event.data) for event in outcome.events)
            outcomes.append(outcome)
        for outcome in outcomes:
            if isinstance(outcome, CommandError) and by_client:
                self._connection.charge(_FAILURE_WORK if outcome.code == "internal" else _REFUSAL_WORK)
                self._connection.refuse(outcome)
        # a channel that was held already may have ended while another one's hook ran
        return [
            one for one in outcomes if isinstance(one, Joined) and self._members.get(one.member.channel) is one.member
        ]

    async def _enter_all(
        self, wishes: Sequence[tuple[str, Position | None, bool, Id]]
    ) -> list[_Entered | CommandError]:
        if not self._may_wait([wish[0] for wish in wishes]):
            return [await self._enter_or_refuse(*wish) for wish in wishes]
        outcomes: list[_Entered | CommandError] = []
        for start in range(0, len(wishes), _HOOKS_AT_ONCE):
            some = wishes[start : start + _HOOKS_AT_ONCE]
            outcomes += await asyncio.gather(*[self._enter_or_refuse(*wish) for wish in some])
        return outcomes

    def _may_wait(self, channels: Iterable[str]) -> bool:
        """Whether a hook has to be called for any of these, or a store asked: then they are worth a task each."""
        if self._instance.link:
            return True
        return any(map(self._has_hooks, channels))

    async def _enter_or_refuse(
        self, channel: str, since: Position | None, by_client: bool, id: Id
    ) -> _Entered | CommandError:
        try:
            if (member := self._members.get(channel)) is not None:
                return await self._repeat(member, since, by_client)
            return await self._enter(channel, since, by_client)
        except Exception as error:
            return refusal(error, channel, id, self._instance)

    async def _enter(self, channel: str, since: Position | None, by_client: bool) -> _Entered:
        """Past authorize and joined: on the channel, its events buffered from the member's position on."""
        spec, params = self._instance.channels.match(channel) or (None, {})
        member = Membership(channel, spec, params, by_client)
        if self._leaving and channel in self._leaving:
            await asyncio.wait([self._leaving[channel]])
        await member.call("authorize", self._connection, self._instance)
        await self._instance.engine.subscribe(channel)
        try:
            await member.call("joined", self._connection, self._instance)
            member.joined = member.has_hook("left")
            if spec and spec.presence:
                await member.announce_join(self._connection, self._instance)
            if spec and (spec.presence or "joined" in spec.hooks):
                await self._instance.catch_up(channel, None)  # what was published there is none of its events
            if self._connection.closed:
                raise asyncio.CancelledError
        except BaseException:
            self._instance.engine.unsubscribe(channel)
            self._part([member])
            raise
        self._instance.hub.join(channel, self._connection.outbox)
        self._members[channel] = member
        member.position = self._instance.engine.position(channel)
        return _Entered(member, since, new=True, catches_up=True)

    async def _repeat(self, member: Membership, since: Position | None, by_client: bool) -> _Entered:
        """On the channel already. `since` counts where only the server had put it there."""
        first, member.by_client = by_client and not member.by_client, member.by_client or by_client
        catches_up = since is not None and first
        if catches_up:
            if self._snapshots:
                await self._snapshots.finished(member.channel)
            self._start_buffering(member)
        return _Entered(member, since, new=False, catches_up=catches_up)

    # -- catch up

    async def _caught_up(self, entered: _Entered, id: Id, deferred: bool) -> Joined | CommandError:
        member = entered.member
        if not entered.catches_up:
            return Joined(member)
        try:
            return await self._catch_up(member, entered.since, deferred)
        except BaseException as error:
            if entered.new:
                self._part(self._forget(member.channel))
            else:
                self._release(member, ())
            if not isinstance(error, Exception):
                raise
            return refusal(error, member.channel, id, self._instance)

    async def _catch_up(self, member: Membership, since: Position | None, deferred: bool) -> Joined:
        """Buffering: what lies between the client's position, or nothing, and the buffered events."""
        if since is not None and await self._instance.catch_up(member.channel, since):
            self._start_buffering(member)
        assert member.position is not None
        if since is not None:
            events = await self._instance.engine.history(member.channel, since, member.position)
            if events is not None:
                return Joined(member, since, True, events)
        recovered = None if since is None else False
        if deferred and member.has_hook("snapshot"):
            return Joined(member, None, recovered, deferred=True)
        told, state = await self._make_snapshot(member)
        return Joined(member, told, recovered, state)

    async def _make_snapshot(self, member: Membership) -> tuple[Position, list[Event]]:
        return await make_snapshot(member, self._connection, self._instance, lambda: self._start_buffering(member))

    def _release_all(self, joined: Sequence[Joined]) -> None:
        lost = {one.member.channel: self._next_after(one) for one in joined if one.recovered is False}
        if lost:
            self._connection.send(protocol.reset(lost))
        for one in joined:
            if one.deferred:
                self._queue().add(one.member.channel, None)
            elif one.position is not None:  # it caught up; another command's snapshot of it may be under way otherwise
                self._release(one.member, one.events)

    def _start_buffering(self, member: Membership) -> None:
        self._instance.hub.start_buffering(member.channel, self._connection.outbox)
        member.position = self._instance.engine.position(member.channel)

    def _release(self, member: Membership, first: Sequence[Event]) -> None:
        """Send `first`, then what was buffered. From here on events go straight to the outbox."""
        if self._members.get(member.channel) is not member or member.position is None:
            return
        buffered = self._instance.hub.stop_buffering(member.channel, self._connection.outbox)
        later = _after(member.position, buffered)
        member.position = None
        if first:
            self._connection.send(*first, bulk=True)
        if later:
            self._connection.send(*later)
        if member.ending:
            self.channel_ended(member.channel)

    # -- snapshots that are asked for, or come later

    def refresh(self, command: protocol.Refresh) -> None:
        """The reply, then a snapshot of each of these channels that has one."""
        held = [self._members[channel] for channel in command.channels if channel in self._members]
        members = [member for member in held if member.has_hook("snapshot")]
        if command.id is not None:
            self._connection.send(protocol.refreshed([member.channel for member in members], command.id))
        for member in members:
            self._queue().add(member.channel, command.id)

    def _queue(self) -> SnapshotQueue:
        if self._snapshots is None:
            self._snapshots = SnapshotQueue(self._instance, self._send_snapshot, self._connection.written)
        return self._snapshots

    async def _send_snapshot(self, channel: str, id: Id) -> None:
        member = self._members.get(channel)
        if member is None:
            return
        first = member.position is not None
        try:
            _, events = await self._make_snapshot(member)
        except Exception as error:
            self._connection.refuse(refusal(error, channel, id, self._instance))
            if first:  # it never had a state to build on
                self._part(self._forget(channel))
                self._connection.send(protocol.unsubscribed([channel]))
            events = []
        self._release(member, events)

    # -- presence, and a renewed identity

    async def presence(self, command: protocol.PresenceQuery) -> None:
        """Errors, then the reply: who is on each channel that keeps presence."""
        present: dict[str, list[dict[str, Any]]] = {}
        for channel in command.channels:
            try:
                await self._may_ask(channel)
                present[channel] = await self._instance.engine.presence(channel).members(channel)
            except Exception as error:
                self._connection.refuse(refusal(error, channel, command.id, self._instance))
        if command.id is not None:
            self._connection.send(protocol.presence(present, command.id))

    async def _may_ask(self, channel: str) -> None:
        spec, params = self._instance.channels.match(channel) or (None, {})
        if spec is None or not spec.presence:
            raise NotFound(f"{channel} keeps no presence")
        if channel not in self._members:
            member = Membership(channel, spec, params, by_client=True)
            await member.call("authorize", self._connection, self._instance)

    async def reauthorize(self, id: Id) -> None:
        """After a renewal: unsubscribe what is no longer allowed, with an error that names it."""
        for member in list(self._members.values()):
            try:
                await member.call("authorize", self._connection, self._instance)
            except Exception as error:
                self._part(self._forget(member.channel))
                self._connection.refuse(refusal(error, member.channel, id, self._instance))

    # -- unsubscribe

    async def unsubscribe(self, command: protocol.Unsubscribe) -> None:
        task = self._part([member for channel in command.channels for member in self._forget(channel)])
        if task:
            await asyncio.wait([task])  # not cancelled with the connection: a hook that has begun runs to its end
        if command.id is not None:
            self._connection.send(protocol.unsubscribed(command.channels, command.id))

    def channel_ended(self, channel: str) -> None:
        """The application ended the channel: the client is told after what is still buffered for it."""
        member = self._members.get(channel)
        if member and member.position is not None:
            member.ending = True
        elif member:
            self._part(self._forget(channel))
            self._connection.send(protocol.unsubscribed([channel]))

    def drop(self) -> None:
        """Unsubscribe from every channel at once."""
        if self._snapshots:
            self._snapshots.clear()
        self._part([member for channel in list(self._members) for member in self._forget(channel)])

    def _forget(self, channel: str) -> list[Membership]:
        member = self._members.pop(channel, None)
        if member is None:
            return []
        self._instance.hub.leave(channel, self._connection.outbox)
        self._instance.engine.unsubscribe(channel)
        if self._snapshots:
            self._snapshots.discard(channel)
        return [member]

    def _part(self, members: Sequence[Membership]) -> "asyncio.Task[None] | None":
        """Tell hooks and presence of members that are off their channel; None where nobody has to be told."""
        told = [member for member in members if member.joined or member.present]
        if not told:
            return None
        task = self._instance.spawn(self._announce_leaves(told))
        self._leaving = self._leaving or {}
        for member in told:
            self._leaving[member.channel] = task
        return task

    async def _announce_leaves(self, members: Sequence[Membership]) -> None:
        for member in members:
            await member.announce_leave(self._connection, self._instance)
        for member in members:
            if self._leaving:
                self._leaving.pop(member.channel, None)


def _after(position: Position, buffered: Sequence[Event | Reset]) -> list[Event | Reset]:
    """What follows the position; all that follows a reset does."""
    resets = [index for index, one in enumerate(buffered) if isinstance(one, Reset)]
    first = resets[0] if resets else len(buffered)
    return [one for index, one in enumerate(buffered) if index >= first or one.position.offset > position.offset]
