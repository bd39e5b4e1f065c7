"""What a client may ask about channels: subscribe, refresh, presence, unsubscribe."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pattern_stack.atoms.broadcast.connection.joined_channels import JoinedChannels
from pattern_stack.atoms.broadcast.connection.joining import Joining
from pattern_stack.atoms.broadcast.connection.membership import NOT_YOURS, Joined, Membership
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Position, Since
from pattern_stack.atoms.broadcast.core.presence import State
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.core.sending import SetState, state_set
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.websocket.frames import Frame
from pattern_stack.errors import NotFound

_HOOK_WORK = 5
_REFUSAL_WORK = 5
_FAILURE_WORK = 50
_NO_CHANNEL = "name a channel: ?channel=orders (this server puts nobody on a channel by default)"


class Subscriptions:
    """Owned by a connection. Its commands come one at a time; snapshots, ends and the loss of the socket come at any time."""

    __slots__ = ("_connection", "_instance", "_members")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._members = JoinedChannels(connection, instance)

    @property
    def channels(self) -> Iterable[str]:
        return self._members.channels

    def member(self, channel: str) -> Membership | None:
        """Of a channel that the connection is on."""
        return self._members.get(channel)

    def cost(self, command: protocol.Subscribe | protocol.PresenceQuery | protocol.Refresh | SetState) -> int:
        """The work that a command asks for: see Limits.work_per_second."""
        has_hooks = self._instance.channels.has_hooks
        if isinstance(command, SetState):
            return len(command.states)
        if not isinstance(command, protocol.Subscribe):
            return sum(1 + _HOOK_WORK * has_hooks(channel) for channel in command.channels)
        work = 0
        for channel in command.channels:
            if not self._members.get(channel):
                work += 1 + (channel in command.since) + _HOOK_WORK * has_hooks(channel)
        return work

    def holds_all(self, channels: Sequence[str]) -> bool:
        """Whether there are some, and the connection is on all of them."""
        return bool(channels) and all(map(self._members.get, channels))

    # -- subscribe

    def waits_for_nothing(self, channels: Sequence[str]) -> bool:
        """Whether `subscribe`, or `subscribe_all`, runs to its end at once: no hook, no store, and no one to be told."""
        if self._instance.link or self._members.has_left:
            return False
        has_hooks = self._instance.channels.has_hooks
        everyone = () if channels else self._instance.everyone.of(self._connection.identity)
        return not any(map(has_hooks, channels or everyone))

    async def subscribe(self, command: protocol.Subscribe) -> None:
        """Errors, the reply, resets, then for each channel its snapshot or replay and what was buffered meanwhile."""
        fitting = self._fitting(command.channels)
        for error in self._without_room(command, fitting):
            self._connection.refuse(error)
        joined = await self._join(fitting, command.since, command.id, by_client=True)
        if command.id is not None:
            self._connection.send(self._reply(joined, command.id, quiet=isinstance(command, protocol.QuietSubscribe)))
        self._release(joined)

    async def begin(self, command: protocol.Subscribe) -> list[CommandError]:
        """`subscribe_all` and `subscribe` as one, for a client that can ask for nothing later: `since` counts for the channels
        of everyone too, and these are what it subscribes to where it names none.

        Returns the refusals, and sends nothing, where it is on no channel then.
        """
        fitting = self._fitting(command.channels)
        errors = protocol.invalid_channels(command, self._instance.limits) + self._without_room(command, fitting)
        everyone = self._instance.everyone.of(self._connection.identity)
        free = [channel for channel in everyone if channel not in fitting]
        of_everyone, unwanted = _apart(await self._outcomes(free, command.since, None, by_client=False))
        named, refused = _apart(await self._outcomes(fitting, command.since, command.id, by_client=True))
        named, of_everyone = self._still_held(named), self._still_held(of_everyone)
        self._note_left_out(unwanted)
        if not named and (command.channels or command.invalid or not of_everyone):
            self._members.part([one.member.channel for one in of_everyone])
            refusals = [*errors, *refused] or unwanted
            return refusals or [CommandError("invalid_message", _NO_CHANNEL, command.id)]
        for error in [*errors, *refused]:
            self._connection.refuse(error)
        moves = self._moves([*of_everyone, *named])
        self._connection.send(self._reply(named or of_everyone, command.id, moves))
        self._release([*of_everyone, *named])
        return []

    def _without_room(self, command: protocol.Subscribe, fitting: Sequence[str]) -> list[CommandError]:
        text = f"a connection may be on {self._instance.limits.channels} channels"
        left_out = [channel for channel in command.channels if channel not in fitting]
        return [CommandError("too_many_channels", text, command.id, channel) for channel in left_out]

    def _reply(
        self, joined: Sequence[Joined], id: Id, moves: Mapping[str, Position] | None = None, *, quiet: bool = False
    ) -> Frame:
        told = {one.member.channel: (self._next_after(one), one.recovered) for one in joined}
        return protocol.subscribed(
            told, id, moves, {channel: self._quiet(channel) for channel in told} if quiet else {}
        )

    def _quiet(self, channel: str) -> float:
        return self._instance.engine.quiet(channel)

    async def subscribe_all(self) -> None:
        """Put the connection on the channels that it is on without asking. One that refuses it is left out."""
        channels = self._instance.everyone.of(self._connection.identity)
        self._release(await self._join(channels, {}, None, by_client=False))

    def _fitting(self, channels: Sequence[str]) -> list[str]:
        """Those of these that the connection is on already, or still has room for, in their order."""
        held, everyone = set(self._members.channels), self._instance.everyone.of(self._connection.identity)
        room = self._instance.limits.channels - len(held.difference(everyone))
        fitting = []
        for channel in channels:
            is_free = channel in held or channel in everyone
            room -= not is_free
            if is_free or room >= 0:
                fitting.append(channel)
        return fitting

    async def _join(
        self, channels: Sequence[str], since: Mapping[str, Since], id: Id, *, by_client: bool
    ) -> list[Joined]:
        joined, refused = _apart(await self._outcomes(channels, since, id, by_client=by_client))
        if not by_client:
            self._note_left_out(refused)
        for error in refused if by_client else ():
            self._connection.charge(_FAILURE_WORK if error.code == "internal" else _REFUSAL_WORK)
            self._connection.refuse(error)
        return self._still_held(joined)

    def _note_left_out(self, refused: Sequence[CommandError]) -> None:
        """The client, which did not ask for these channels, is not told; who inspects the instance is."""
        for error in refused:
            told = {"code": error.code, "reason": error.message, "channel": error.channel}
            self._instance.news.note("unjoined", self._connection, **told)

    async def _outcomes(
        self, channels: Sequence[str], since: Mapping[str, Since], id: Id, *, by_client: bool
    ) -> list[Joined | CommandError]:
        joining = Joining(self._members, self._connection, self._instance, since, id, by_client)
        return await joining.join(channels)

    def _still_held(self, joined: Sequence[Joined]) -> list[Joined]:
        """A channel that was held already may have ended while another one's hook ran."""
        return [one for one in joined if self._members.holds(one.member)]

    def _moves(self, joined: Sequence[Joined]) -> dict[str, Position]:
        return {one.member.channel: self._next_after(one) for one in joined if not one.awaits_snapshot}

    def _next_after(self, one: Joined) -> Position:
        return one.position or one.member.position or self._instance.engine.position(one.member.channel)

    def _release(self, joined: Sequence[Joined]) -> None:
        lost = {one.member.channel: self._next_after(one) for one in joined if one.recovered is False}
        for channel in lost:
            self._instance.news.info("refetch", "told a client to refetch", self._connection, channel=channel)
        if lost:
            self._connection.send(protocol.reset(lost, self._moves([one for one in joined if one.recovered is False])))
        for one in joined:
            if one.deferred:
                self._members.queue_snapshot(one.member.channel)
            elif one.position is not None:  # else it did not catch up, and a snapshot of it may be under way
                self._members.release(one.member, one.events)

    # -- what a subscriber may ask

    def refresh(self, command: protocol.Refresh) -> None:
        """The reply, then a snapshot of each of these channels that has one."""
        for channel in command.channels:
            if self._instance.everyone.is_anothers(channel, self._connection.identity):
                self._connection.refuse(CommandError("forbidden", NOT_YOURS, command.id, channel))
        held = [member for channel in command.channels if (member := self._members.get(channel))]
        channels = [member.channel for member in held if member.has_hook("snapshot")]
        if command.id is not None:
            self._connection.send(protocol.refreshed(channels, command.id))
        for channel in channels:
            self._members.queue_snapshot(channel, command.id)

    async def presence(self, command: protocol.PresenceQuery) -> None:
        """Errors, then the reply: who is on each channel that keeps presence."""
        present: dict[str, list[dict[str, Any]]] = {}
        for channel in command.channels:
            spec, params = self._instance.channels.match(channel) or (None, {})
            member = self._members.get(channel) or Membership(channel, spec, params, by_client=True)
            try:
                await self._may_ask(member)
                present[channel] = await self._instance.engine.presence(channel).members(channel)
            except Exception as error:
                self._connection.refuse(member.refusal(error, command.id, self._instance))
        if command.id is not None:
            self._connection.send(protocol.presence(present, command.id))

    async def set_state(self, command: SetState) -> None:
        """Errors, then the reply: the channels on which the connection shows this now. The others there are told."""
        done: list[str] = []
        for channel, state in command.states.items():
            try:
                await self._show(channel, state)
                done.append(channel)
            except CommandError as error:
                error.id = command.id
                self._connection.refuse(error)
        if command.id is not None:
            self._connection.send(state_set(done, command.id))

    async def _show(self, channel: str, state: State) -> None:
        if self._instance.everyone.is_anothers(channel, self._connection.identity):
            raise CommandError("forbidden", NOT_YOURS, None, channel)
        member = self._members.get(channel)
        if member is None:
            raise CommandError("not_subscribed", f"this connection is not on {channel}", None, channel)
        try:
            await member.show(state, self._connection, self._instance)
        except Exception as error:
            raise member.refusal(error, None, self._instance) from error

    async def _may_ask(self, member: Membership) -> None:
        if member.spec is None or not member.spec.presence:
            raise NotFound(f"{member.channel} keeps no presence")
        if not self._members.holds(member):
            await member.authorize(self._connection, self._instance)

    async def reauthorize(self, id: Id) -> None:
        """After a renewal: unsubscribe what is no longer allowed, with an error that names it."""
        for member in self._members.all():
            try:
                await member.authorize(self._connection, self._instance)
            except Exception as error:
                member.revoked = True
                self._members.part([member.channel])
                self._connection.refuse(member.refusal(error, id, self._instance))

    # -- unsubscribe

    async def unsubscribe(self, command: protocol.Unsubscribe) -> None:
        """The reply, once the left hooks of these channels have run."""
        if task := self._members.part(command.channels):
            await asyncio.wait([task])
        if command.id is not None:
            self._connection.send(protocol.unsubscribed(command.channels, command.id))

    def revoke(self, channel: str) -> None:
        """No longer allowed: the client is told by an error that names the channel, and that it is unsubscribed."""
        if member := self._members.get(channel):
            member.revoked = True
            self._members.part([channel])
            self._connection.refuse(CommandError("forbidden", "no longer allowed", None, channel))
            self._connection.send(protocol.unsubscribed([channel]))

    def channel_ended(self, channel: str) -> None:
        """The application ended the channel: the client is told after what is still buffered for it."""
        self._members.channel_ended(channel)

    def drop(self) -> None:
        """Unsubscribe from every channel at once."""
        self._members.drop()


def _apart(outcomes: Sequence[Joined | CommandError]) -> tuple[list[Joined], list[CommandError]]:
    joined = [one for one in outcomes if isinstance(one, Joined)]
    return joined, [one for one in outcomes if isinstance(one, CommandError)]
