"""Taking a right away: a user is disconnected, a user is unsubscribed, a channel ends. Here first, then on every instance."""

from collections.abc import Mapping
from typing import Any

from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.instance.connections import Connections


class Revocation:
    """What is done to the connections of one instance. Those that were opened after the call are not meant by it."""

    def __init__(self, connections: Connections, hub: Hub) -> None:
        self._connections = connections
        self._hub = hub

    def disconnect(self, user: Identity, at: float, code: int, reason: str) -> None:
        """Close this user's connections, and drop what waits for them. `at`: when it was called, in seconds since 1970."""
        for connection in self._of(user, at):
            connection.close(code, reason, drop=True)

    def unsubscribe(self, user: Identity, at: float, channel: str) -> None:
        for connection in self._of(user, at):
            connection.revoke(channel)

    def end(self, channel: str) -> None:
        """Unsubscribe everyone from the channel after its last event."""
        for subscriber in self._hub.subscribers(channel):
            self._hub.flush_to(subscriber)
            subscriber.channel_ended(channel)

    def ask_again(self) -> None:
        """What was revoked is not known: ask authorize again for all that connections hold."""
        for connection in self._connections.open:
            connection.reauthorize()

    def carry_out(self, command: Mapping[str, Any]) -> None:
        """A command of another instance: see control.py."""
        match command:
            case {"do": "disconnect", "key": key, "at": at, "code": code, "reason": reason}:
                self.disconnect(Identity(key), at, code, reason)
            case {"do": "unsubscribe", "key": key, "at": at, "channel": channel}:
                self.unsubscribe(Identity(key), at, channel)
            case {"do": "end", "channel": channel}:
                self.end(channel)

    def _of(self, user: Identity, at: float) -> list[ManagedConnection]:
        return [
            one
            for one in self._connections.open
            if one.identity and one.identity.is_same_user(user) and one.opened_at <= at
        ]
