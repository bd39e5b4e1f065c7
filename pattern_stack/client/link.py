"""One connection to a server, as what follows channels sees it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pattern_stack.atoms.broadcast.core.event import Last, Position, Since

Message = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What a connection begins with."""

    channels: tuple[str, ...]
    since: Mapping[str, Since]
    token: str | None

    @property
    def positions(self) -> dict[str, Position]:
        return {channel: since for channel, since in self.since.items() if isinstance(since, Position)}

    @property
    def last(self) -> int | None:
        return next((since.events for since in self.since.values() if isinstance(since, Last)), None)


class Incoming(NamedTuple):
    """One frame."""

    data: bytes
    settled: Collection[str] = ()
    """Channels whose position counts now, as the server says: their snapshots have come."""


class Link(Protocol):
    is_two_way: bool
    """Whether frames go both ways on it: a token, or a snapshot, can be asked for on the same connection."""

    async def receive(self) -> Incoming:
        """Raises Closed."""

    async def send(self, frame: Message) -> Message | None:
        """The reply, where the link has one at once. Raises Closed or NotOpened."""
