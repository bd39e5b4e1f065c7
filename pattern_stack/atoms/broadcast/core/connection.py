"""A client's connection: what hooks see of it, and what the rest of the atom uses."""

from collections.abc import Iterable
from typing import Any, Protocol

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.core.protocol import CommandError
from pattern_stack.atoms.broadcast.websocket.frames import Frame

_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def check_close_code(code: int) -> None:
    """Raises ValueError for a code that no server may send (RFC 6455, 7.4)."""
    if code not in _CLOSE_CODES and not 3000 <= code < 5000:
        raise ValueError(f"{code} is not a code to close with; an application's own are 3000 to 4999")


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
    revoked: bool
    """It was closed because a right has ended: what it asked for is not carried out any more."""
    opened_at: float
    """When its socket was accepted, in seconds since 1970."""

    @property
    def channels(self) -> Iterable[str]:
        """The channels it is subscribed to."""

    @property
    def lane(self) -> str:
        """`websocket`, or `stream`: Server-Sent Events."""

    @property
    def queued(self) -> bool:
        """Whether frames wait in a queue of the server before they reach `receive`."""

    def send(self, *frames: Frame, bulk: bool = False) -> None:
        """Send behind every event that was published before. `bulk`: a snapshot or replay."""

    def tell(self, error: CommandError) -> None:
        """Send an error frame that counts as no bad frame."""

    def refuse(self, error: CommandError) -> None:
        """Send an error frame. Too many of them close the connection."""

    def close(self, code: int, reason: str = "", *, drop: bool = False) -> None:
        """With `drop`, what waits for the client is dropped."""

    def revoke(self, channel: str) -> None:
        """Take the connection off the channel: an error `forbidden`, then {"unsubscribed": [channel]}."""

    def reauthorize(self) -> None:
        """Ask authorize again for every channel that it is on."""

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
