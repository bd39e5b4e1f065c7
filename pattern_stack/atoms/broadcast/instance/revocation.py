"""Taking a right away: a user is disconnected, a user is unsubscribed, a channel ends. Here first, then on every instance."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.instance.connections import Connections
from pattern_stack.errors import BroadcastUnavailable

logger = logging.getLogger(__name__)


class Revocation:
    """What is done to the connections of one instance. Those that were opened after the call are not meant by it."""

    def __init__(self, connections: Connections, hub: Hub, deliver_all: Callable[[str], Awaitable[None]]) -> None:
        """`deliver_all`: see InstanceEvents."""
        self._connections = connections
        self._hub = hub
        self._deliver_all = deliver_all

    async def disconnect(self, user: Identity, at: float, code: int, reason: str) -> None:
        """Close this user's connections, and drop what waits for them. `at`: when it was called, in seconds since 1970."""
        for connection in self._of(user, at):
            connection.close(code, reason, drop=True)

    async def unsubscribe(self, user: Identity, at: float, channel: str) -> None:
        for connection in self._of(user, at):
            connection.revoke(channel)

    async def end(self, channel: str) -> None:
        """Unsubscribe everyone from the channel after its last event.

        Where the store does not answer, after the last event that is here: clients are behind, and fetch the others when they
        subscribe again.
        """
        try:
            await self._deliver_all(channel)
        except BroadcastUnavailable as error:
            logger.warning("%s ends before all of its events are here: %s", channel, error)
        for subscriber in self._hub.subscribers(channel):
            self._hub.flush_to(subscriber)
            subscriber.channel_ended(channel)

    def ask_again(self) -> None:
        """What was revoked is not known: ask authorize again for all that connections hold."""
        for connection in self._connections.open:
            connection.reauthorize()

    async def carry_out(self, command: Mapping[str, Any]) -> None:
        """A command of another instance: see control.py."""
        match command:
            case {"do": "disconnect", "key": key, "at": at, "code": code, "reason": reason}:
                await self.disconnect(Identity(key), at, code, reason)
            case {"do": "unsubscribe", "key": key, "at": at, "channel": channel}:
                await self.unsubscribe(Identity(key), at, channel)
            case {"do": "end", "channel": channel}:
                await self.end(channel)

    def _of(self, user: Identity, at: float) -> list[ManagedConnection]:
        return [
            one
            for one in self._connections.open
            if one.identity and one.identity.is_same_user(user) and one.opened_at <= at
        ]
