"""A client's connection: what hooks see of it, and what the rest of the atom uses."""

from collections.abc import Iterable
from typing import Any, Protocol

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.core.protocol import CommandError
from pattern_stack.atoms.broadcast.websocket.frames import Frame


class Connection(Protocol):
    """One client, as an application's hooks see it."""

    @property
    def id(self) -> str:
        """Random, and unique to this connection."""

    @property
    def user(self) -> Any:
        """What `authenticate` or `verify_token` returned; None before that, and where the application asks for neither."""

    def close(self, code: int, reason: str = "") -> None:
        """Unsubscribe the connection from every channel and close it behind what waits for it.

        A reason of more than 123 bytes is cut. Raises ValueError for a code that no server may send; an application's own
        codes are 3000 to 4999.
        """


class ManagedConnection(Connection, Protocol):
    """One client, as its instance, its subscriptions and its transport see it."""

    identity: Identity | None
    outbox: Outbox
    closed: bool

    @property
    def channels(self) -> Iterable[str]:
        """The channels it is subscribed to."""

    @property
    def queued(self) -> bool:
        """Whether frames wait in a queue of the server before they reach `receive`."""

    def send(self, *frames: Frame, bulk: bool = False) -> None:
        """Send behind every event that was published before. `bulk`: a snapshot or replay."""

    def refuse(self, error: CommandError) -> None:
        """Send an error frame. Too many of them close the connection."""

    async def written(self) -> None:
        """Wait until no snapshot or replay waits for the client."""

    def charge(self, work: float) -> None:
        """Count work that the client caused: see Limits.work_per_second."""

    def watch_expiry(self) -> None:
        """Close with 4401 when the identity expires; called when it has changed."""

    def resume_reading(self) -> None:
        """There is room for more messages of the client."""

    def check(self) -> None:
        """Called every `Limits.stalled_seconds`: abort a peer that took nothing since the last call."""

    def abort(self) -> None:
        """Drop the socket now, with whatever is unsent."""
