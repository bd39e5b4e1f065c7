"""One subscribe command on its way: past the hooks, then caught up from one position."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pattern_stack.atoms.broadcast.connection.joined_channels import JoinedChannels
from pattern_stack.atoms.broadcast.connection.membership import Joined, Membership
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Last, Position, Since
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.instance.instance import Instance

_HOOKS_AT_ONCE = 16


class _Entered(NamedTuple):
    """A channel past its hooks."""

    member: Membership
    is_new: bool
    since: Since | None
    """Where to catch up from."""
    catches_up: bool


class Joining:
    """Of one command. `by_client`: the client asked for it, and `since` counts."""

    def __init__(
        self,
        members: JoinedChannels,
        connection: ManagedConnection,
        instance: Instance,
        since: Mapping[str, Since],
        id: Id,
        by_client: bool,
    ) -> None:
        self._members = members
        self._connection = connection
        self._instance = instance
        self._since = since
        self._id = id
        self._by_client = by_client

    async def join(self, channels: Sequence[str]) -> list[Joined | CommandError]:
        """Enter the channels, then catch up one after the other. An outcome for each, in their order.

        Past `Limits.outbox_bytes` of snapshots the others are deferred: a client that does not read makes no more of them.
        """
        outcomes: list[Joined | CommandError] = []
        made = 0
        for entered in await self._enter_all(channels):
            if isinstance(entered, CommandError):
                outcomes.append(entered)
                continue
            outcome = await self._caught_up(entered, made > self._instance.limits.outbox_bytes)
            if isinstance(outcome, Joined) and not outcome.recovered:
                made += sum(event.size for event in outcome.events)
            outcomes.append(outcome)
        return outcomes

    # -- past the hooks

    async def _enter_all(self, channels: Sequence[str]) -> list[_Entered | CommandError]:
        if not self._instance.link and not any(map(self._instance.channels.has_hooks, channels)):
            return [await self._enter_or_refuse(channel) for channel in channels]  # none of them waits
        outcomes: list[_Entered | CommandError] = []
        for start in range(0, len(channels), _HOOKS_AT_ONCE):
            some = channels[start : start + _HOOKS_AT_ONCE]
            outcomes += await asyncio.gather(*map(self._enter_or_refuse, some))
        return outcomes

    async def _enter_or_refuse(self, channel: str) -> _Entered | CommandError:
        spec, params = self._instance.channels.match(channel) or (None, {})
        member = self._members.get(channel) or Membership(channel, spec, params, self._by_client)
        try:
            return await (self._repeat(member) if self._members.holds(member) else self._enter(member))
        except Exception as error:
            return member.refusal(error, self._id, self._instance)

    async def _enter(self, member: Membership) -> _Entered:
        """Past authorize and joined: on the channel, its events buffered from the member's position on."""
        channel, spec = member.channel, member.spec
        await self._members.may_join(channel)
        await member.authorize(self._connection, self._instance)
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
            self._members.depart([member])
            raise
        self._members.add(member)
        return _Entered(member, True, self._since.get(channel), True)

    async def _repeat(self, member: Membership) -> _Entered:
        """On the channel already. `since` counts where only the server had put the connection there."""
        since = self._since.get(member.channel)
        is_first, member.by_client = self._by_client and not member.by_client, member.by_client or self._by_client
        catches_up = since is not None and is_first
        if catches_up:
            await self._members.snapshots_finished(member.channel)
            self._members.buffer(member)
        return _Entered(member, False, since, catches_up)

    # -- caught up

    async def _caught_up(self, entered: _Entered, deferred: bool) -> Joined | CommandError:
        member = entered.member
        if not entered.catches_up:
            return Joined(member)
        try:
            return await self._catch_up(member, entered.since, deferred)
        except BaseException as error:
            if entered.is_new:
                self._members.part([member.channel])
            else:
                self._members.release(member, ())
            if not isinstance(error, Exception):
                raise
            return member.refusal(error, self._id, self._instance)

    async def _catch_up(self, member: Membership, since: Since | None, deferred: bool) -> Joined:
        """Buffering: what lies between the client's position, or nothing, and the buffered events."""
        if isinstance(since, Last):
            return await self._newest(member, since.events)
        if since is not None:
            if await self._instance.catch_up(member.channel, since):
                self._members.buffer(member)
            assert member.position is not None
            events = await self._instance.engine.history(member.channel, since, member.position)
            if events is not None:
                return Joined(member, since, True, events)
        recovered = None if since is None else False
        if deferred and member.has_hook("snapshot"):
            return Joined(member, None, recovered, deferred=True)
        told, state = await self._members.make_snapshot(member)
        return Joined(member, told, recovered, state)

    async def _newest(self, member: Membership, count: int) -> Joined:
        assert member.position is not None
        epoch, offset = member.position
        events = await self._instance.engine.last(member.channel, count, member.position)
        return Joined(member, Position(epoch, offset - len(events)), True, events)
