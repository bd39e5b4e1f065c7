"""One connection on one channel: the application's hooks for it, and who is told of its coming and going."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from pattern_stack.atoms.broadcast.connection.hooks import nothing, run_hook
from pattern_stack.atoms.broadcast.core.channels import Spec
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, PresenceEvent, Reset, encode
from pattern_stack.atoms.broadcast.core.identity import Operator
from pattern_stack.atoms.broadcast.core.presence import State, state_change
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import BroadcastError, BroadcastUnavailable, Forbidden, NotFound, Unauthenticated

_CODES: dict[type[BroadcastError], str] = {
    Forbidden: "forbidden",
    NotFound: "not_found",
    Unauthenticated: "unauthenticated",
    BroadcastUnavailable: "unavailable",
}


NOT_YOURS = "this channel is another user's own"
_NO_KEY = (
    "%s refused a user of class %s, which has no key that others may see: return Identity(user, key=...) from authenticate, "
    "or declare the channel with presence=lambda user: {...}"
)


class Membership:
    """One channel of one connection."""

    __slots__ = ("by_client", "channel", "ending", "joined", "params", "position", "present", "revoked", "spec")

    def __init__(self, channel: str, spec: Spec | None, params: dict[str, str], by_client: bool) -> None:
        self.channel = channel
        self.spec = spec
        self.params = params
        self.by_client = by_client
        """Whether the client asked for it; False while only the server put it there."""
        self.position: Position | None = None
        """While its events are buffered: the position that they follow."""
        self.joined = False
        """The joined hook has succeeded, and the left hook is due."""
        self.present = False
        """The others on the channel know of it."""
        self.revoked = False
        """The right to be on the channel has ended: commands that wait are not carried out."""
        self.ending = False
        """The channel has ended while events were buffered."""

    def has_hook(self, hook: str) -> bool:
        return self.spec is not None and hook in self.spec.hooks

    async def call(
        self, hook: str, connection: ManagedConnection, instance: Instance, begin: Callable[[], None] = nothing
    ) -> Any:
        """What the application's hook returns; None where it has none. `begin` is called right before the hook is.

        Raises BroadcastUnavailable where the hook does not return within Limits.hook_seconds.
        """
        if self.spec is None or hook not in self.spec.hooks:
            return None
        bound = partial(getattr(self.spec.channel, hook), connection, **self.params)
        plain = hook in self.spec.plain
        return await run_hook(hook, self.channel, bound, plain, instance, begin, of=connection.identity)

    async def authorize(self, connection: ManagedConnection, instance: Instance) -> None:
        """Ask the backend's `authorize`, then the channel's hook. Raises what they raise, and BroadcastUnavailable as `call`.

        Raises Forbidden without asking for another user's channel, and for one that nobody declared where that is refused.
        """
        channels = instance.channels
        if self._is_for_operator(connection):
            return
        if instance.everyone.is_anothers(self.channel, connection.identity):
            raise Forbidden(NOT_YOURS)
        if channels.refuses_undeclared and self.spec is None and not instance.everyone.names(self.channel):
            raise Forbidden("no channel of this name is declared")
        if channels.authorize is not None:
            bound = partial(channels.authorize, connection, self.channel)
            plain = channels.authorize_is_plain
            await run_hook("authorize", self.channel, bound, plain, instance, of=connection.identity)
        await self.call("authorize", connection, instance)

    def _is_for_operator(self, connection: ManagedConnection) -> bool:
        """Whether an operator asks for a channel of operators. Raises Forbidden where only one of the two holds."""
        is_operator = isinstance(connection.user, Operator)
        if is_operator != (self.spec is not None and self.spec.for_operators):
            raise Forbidden("operators are on no other channel" if is_operator else "this channel is for operators")
        return is_operator

    def refusal(self, error: Exception, id: Id, instance: Instance) -> CommandError:
        """The error frame for the channel. An exception that hooks are not expected to raise is logged, and not shown."""
        for kind, code in _CODES.items():
            if isinstance(error, kind):
                return CommandError(code, str(error) or code.replace("_", " "), id, self.channel)
        instance.failures.error("hook", error, "a hook of %s failed", self.channel)
        return CommandError("internal", "the server failed to do this", id, self.channel)

    def start_buffering(self, connection: ManagedConnection, instance: Instance) -> None:
        """Buffer the channel's events from its position now on. What was buffered before is dropped."""
        instance.hub.start_buffering(self.channel, connection.outbox)
        self.position = instance.engine.position(self.channel)

    def stop_buffering(self, connection: ManagedConnection, instance: Instance) -> list[Event | Reset | PresenceEvent]:
        """What was buffered and follows the member's position."""
        assert self.position is not None
        buffered = instance.hub.stop_buffering(self.channel, connection.outbox)
        later, self.position = _after(self.position, buffered), None
        return later

    async def announce_join(self, connection: ManagedConnection, instance: Instance) -> None:
        """Make it present, and tell the others on the channel."""
        shown = self._shown(connection, instance)
        joined = await instance.engine.presence(self.channel).join(self.channel, connection.id, shown)
        self.present = True
        await instance.presence_news.changed(self.channel, joined, here=True)

    def _shown(self, connection: ManagedConnection, instance: Instance) -> Any:
        """What the others see of the user. Raises Forbidden where the user has no key and the channel shows nothing else."""
        assert self.spec is not None
        if self.spec.show is not None:
            shown = self.spec.show(connection.user)
            return orjson.loads(orjson.dumps(shown))
        if connection.user is not None and (connection.identity is None or connection.identity.key is None):
            instance.failures.warning("key", _NO_KEY, self.channel, type(connection.user).__name__)
            raise Forbidden("this user cannot be shown to others")
        return connection.identity.key if connection.identity else None

    async def show(self, state: State, connection: ManagedConnection, instance: Instance) -> None:
        """Let the others on the channel see this. Raises NotFound where it keeps no presence, and BroadcastUnavailable."""
        if not self.present:
            raise NotFound(f"{self.channel} keeps no presence")
        instance.showing[connection.id] = connection.outbox
        user = await instance.engine.presence(self.channel).show(self.channel, connection.id, state)
        payload = state_change(connection.id, user, state)
        limits = instance.limits
        await instance.events.send([encode(self.channel, "presence-state", payload, limits=limits, ephemeral=True)])

    async def announce_leave(self, connection: ManagedConnection, instance: Instance) -> None:
        """Call the left hook if it is due, and tell the others on the channel if it was present. Never raises."""
        if self.joined:
            try:
                await self.call("left", connection, instance)
            except Exception as error:
                instance.failures.error("left", error, "the left hook of %s failed", self.channel)
        if self.present:
            await self._publish_absence(connection, instance)

    async def _publish_absence(self, connection: ManagedConnection, instance: Instance) -> None:
        try:
            left = await instance.engine.presence(self.channel).leave(self.channel, connection.id)
        except BroadcastError as error:  # it is made up for later
            instance.failures.warning("leave", "the others on %s do not know yet who left: %s", self.channel, error)
        else:
            await instance.presence_news.changed(self.channel, left, here=False, at_once=connection.closed)


class Joined(NamedTuple):
    """What a subscriber is told about a channel that it is on."""

    member: Membership
    position: Position | None = None
    """The next event follows it. None: the channel's position when the reply is sent."""
    recovered: bool | None = None
    events: Sequence[Event] = ()
    deferred: bool = False
    """Its snapshot is made later, when what comes before it has been written."""

    @property
    def awaits_snapshot(self) -> bool:
        """Whether the client's position is of no use to it before the snapshot that follows."""
        return self.deferred or (not self.recovered and bool(self.events))


def _after(
    position: Position, buffered: Sequence[Event | Reset | PresenceEvent]
) -> list[Event | Reset | PresenceEvent]:
    """What follows the position; all that follows a reset does, and all that has no position."""
    resets = [index for index, one in enumerate(buffered) if isinstance(one, Reset)]
    first = resets[0] if resets else len(buffered)
    return [
        one
        for index, one in enumerate(buffered)
        if index >= first or not isinstance(one, Event) or one.position.offset > position.offset
    ]
