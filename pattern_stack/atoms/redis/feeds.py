"""All connections for messages: one, or one to each server of a cluster whose pub/sub is sharded."""

from collections.abc import Awaitable, Callable
from typing import Self

from pattern_stack.atoms.redis.feed import Feed
from pattern_stack.atoms.redis.servers import Address, Open, Servers


class Feeds:
    """Which of them carries a channel."""

    def __init__(self, servers: Servers, feeds: dict[Address | None, Feed]) -> None:
        self._servers = servers
        self._feeds = feeds

    @classmethod
    async def behind(
        cls, servers: Servers, open: Open, message: Callable[[bytes, bytes], None], *, sharded: bool
    ) -> Self:
        if not sharded:
            return cls(servers, {None: Feed(await open(), message)})
        feeds: dict[Address | None, Feed] = {}
        for host, port in servers.addresses:
            feeds[host, port] = Feed(await open(host=host, port=port), message, sharded=True)
        return cls(servers, feeds)

    @property
    def all(self) -> list[Feed]:
        return list(self._feeds.values())

    def of(self, channel: bytes) -> Feed:
        return self._feeds[None] if None in self._feeds else self._feeds[self._servers.address(channel.decode())]

    def subscribe(self, channel: bytes) -> Awaitable[None]:
        """Done when the server has acknowledged it. Raises LinkDown."""
        return self.of(channel).subscribe(channel)

    def unsubscribe(self, channel: bytes) -> None:
        self.of(channel).unsubscribe(channel)
