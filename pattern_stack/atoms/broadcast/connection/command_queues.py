"""Commands of one connection to the application: those of one channel are carried out one after the other, as they came."""

from collections import deque
from typing import NamedTuple

from pattern_stack.atoms.broadcast.connection.execution import Accepted, accept, carry_out
from pattern_stack.atoms.broadcast.connection.membership import NOT_YOURS, Membership
from pattern_stack.atoms.broadcast.core.command_error import CommandError, Id
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.sending import Send, answer, refused_with
from pattern_stack.atoms.broadcast.instance.instance import Instance

_ITEM_BYTES = 1_024
"""What a command that waits takes beside its payload."""
_FORBIDDEN = refused_with("forbidden", "no longer allowed")


class _Item(NamedTuple):
    command: Accepted
    id: Id
    member: Membership

    @property
    def size(self) -> int:
        return self.command.size + _ITEM_BYTES


class CommandQueues:
    """What was accepted is carried out also where the connection breaks; not where its right to do it ends."""

    __slots__ = ("_by_channel", "_bytes", "_connection", "_count", "_instance")

    def __init__(self, connection: ManagedConnection, instance: Instance) -> None:
        self._connection = connection
        self._instance = instance
        self._by_channel: dict[str, deque[_Item]] = {}
        self._count = self._bytes = 0

    def send(self, send: Send, member: Membership | None) -> None:
        """`member`: of the channel, where the connection is on it. A refusal is told at once, and is no bad frame."""
        try:
            item = self._accepted(send, member)
        except CommandError as error:
            error.id = send.id
            self._connection.tell(error)
            return
        self._count_waiting(item, 1)
        queue = self._by_channel.get(send.channel)
        if queue is not None:
            queue.append(item)
            return
        queue = self._by_channel[send.channel] = deque([item])  # before the task: an eager one runs at once
        self._instance.spawn(self._work(send.channel, queue))

    def _accepted(self, send: Send, member: Membership | None) -> _Item:
        identity = self._connection.identity
        if self._instance.everyone.is_anothers(send.channel, identity):
            raise CommandError("forbidden", NOT_YOURS)
        if member is None:
            raise CommandError("not_subscribed", f"this connection is not on {send.channel}")
        item = _Item(accept(send, member.spec, member.params, identity, self._instance), send.id, member)
        limits = self._instance.limits
        if self._count >= limits.commands_waiting or self._bytes + item.size > limits.command_bytes:
            raise CommandError("rate_limited", "too many commands of this connection wait", retry_after=1)
        if not self._instance.command_room.has_room(item.size):
            raise CommandError("unavailable", "too many commands wait; try again")
        return item

    def _count_waiting(self, item: _Item, sign: int) -> None:
        self._count += sign
        self._bytes += sign * item.size
        self._instance.command_room.waiting_bytes += sign * item.size

    async def _work(self, channel: str, queue: deque[_Item]) -> None:
        try:
            while queue:
                item = queue.popleft()
                self._count_waiting(item, -1)
                outcome = await self._carry_out(item)
                if item.id is not None and not self._connection.closed:
                    self._connection.send(answer(outcome, item.id))
        finally:
            del self._by_channel[channel]
            for item in queue:
                self._count_waiting(item, -1)

    async def _carry_out(self, item: _Item) -> bytes:
        if item.member.revoked or self._connection.revoked:
            return _FORBIDDEN
        return await carry_out(item.command, self._connection, self._instance)
