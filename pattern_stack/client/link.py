"""One connection to a server, as what follows channels sees it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from pattern_stack.atoms.broadcast.core.event import Last, Position, Since
from pattern_stack.loopback import is_loopback

Message = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What a connection begins with."""

    channels: tuple[str, ...]
    since: Mapping[str, Since]
    token: str | None

    def headers(self, others: Mapping[str, str]) -> dict[str, str]:
        """Of its request: the token, and the others, of which one may replace it."""
        own = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        return {**own, **{name.lower(): value for name, value in others.items()}}

    @property
    def positions(self) -> dict[str, Position]:
        return {channel: since for channel, since in self.since.items() if isinstance(since, Position)}

    @property
    def last(self) -> int | None:
        return next((since.events for since in self.since.values() if isinstance(since, Last)), None)


@dataclass(frozen=True)
class Way:
    """How every connection of a client goes out."""

    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: bool = True
    """Whether a proxy that the environment names is used. One for this machine never is."""

    def by_proxy(self, url: str) -> bool:
        return self.proxy and not is_loopback(urlsplit(url).hostname or "")


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
