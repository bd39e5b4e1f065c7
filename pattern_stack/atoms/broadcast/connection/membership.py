"""One connection on one channel: the application's hooks for it, and what it is told."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.core.channels import Spec
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, encode
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Id
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.errors import BroadcastError, BroadcastUnavailable, Forbidden, NotFound, Unauthenticated

logger = logging.getLogger(__name__)

_CODES: dict[type[BroadcastError], str] = {
    Forbidden: "forbidden",
    NotFound: "not_found",
    Unauthenticated: "unauthenticated",
    BroadcastUnavailable: "unavailable",
}
HOOKS = ("authorize", "joined", "snapshot", "left")


class Membership:
    """One channel of one connection."""

    __slots__ = (
        "again",
        "by_client",
        "channel",
        "ending",
        "joined",
        "params",
        "position",
        "present",
        "refreshing",
        "spec",
    )

    def __init__(self, channel: str, spec: Spec | None, params: dict[str, str], by_client: bool) -> None:
        self.channel = channel
        self.spec = spec
        self.params = params
        self.by_client = by_client
        """False while only the server wished it."""
        self.position: Position | None = None
        """While its events are held: the position that they follow."""
        self.joined = False
        """The hook has succeeded, and there is a left to call for it."""
        self.present = False
        self.refreshing: asyncio.Task[None] | None = None
        self.again = False
        self.ending = False

    async def call(self, hook: str, connection: ManagedConnection) -> Any:
        """What the application's hook returns; None where it has none."""
        if self.spec is None or not self.spec.overrides(hook):
            return None
        with foreign_code():
            return await getattr(self.spec.channel, hook)(connection, **self.params)

    async def announce_join(self, connection: ManagedConnection, instance: Instance) -> None:
        """It is present from here on, and the others on the channel are told."""
        joined = await instance.engine.presence(self.channel).join(self.channel, connection.id, connection.user)
        self.present = True
        await self._tell(instance, "presence-joined", joined)

    async def announce_leave(self, connection: ManagedConnection, instance: Instance) -> None:
        """It is off: the hook is told where joined had succeeded, and the others where it was present. Never raises."""
        if self.joined:
            try:
                await self.call("left", connection)
            except Exception:
                logger.exception("left failed on %s", self.channel)
        if self.present:
            await self._say_absent(connection, instance)

    async def _say_absent(self, connection: ManagedConnection, instance: Instance) -> None:
        try:
            left = await instance.engine.presence(self.channel).leave(self.channel, connection.id)
        except BroadcastError as error:  # it is made up for later
            logger.warning("the others on %s do not know yet who left: %s", self.channel, error)
        else:
            await self._tell(instance, "presence-left", left)

    async def _tell(self, instance: Instance, event_type: str, payload: Mapping[str, Any]) -> None:
        try:
            await instance.publish([encode(self.channel, event_type, payload, limits=instance.limits)])
        except BroadcastError as error:
            logger.warning("%s of %s was not published: %s", event_type, self.channel, error)


class Joined(NamedTuple):
    """What a subscriber is told of a channel it is on."""

    member: Membership
    position: Position | None = None
    """Where the next event follows; None: where it is when it is told."""
    recovered: bool | None = None
    events: Sequence[Event] = ()


def refusal(error: Exception, channel: str, id: Id) -> CommandError:
    """How the client is told; what no hook is expected to raise is logged, and the client is told nothing of it."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return CommandError(code, str(error) or code.replace("_", " "), id, channel)
    logger.error("a hook of %s failed", channel, exc_info=error)
    return CommandError("internal", "the server failed to do this", id, channel)
