"""Two instances whose PostgreSQL is behind a line that breaks, clients on them, and all that happens, noted for the checker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from tests.contract.redis.drill import CHANNEL, Instance, Journal
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy, proxy

__all__ = ["CHANNEL", "Drill", "Instance", "Journal", "drill", "over"]


class Drill(Journal):
    """`outside` publishes past the line, where the drill does not say otherwise."""

    def __init__(
        self, server: PostgresServer, line: Proxy, instances: list[Instance], outside: PostgresBroadcastBackend
    ) -> None:
        super().__init__()
        self.server = server
        self.line = line
        self.instances = instances
        self.outside = outside

    @property
    def resets(self) -> int:
        return sum(one.reader.resets for one in self.followers)

    async def publish_everywhere(self, count: int) -> None:
        everywhere = [self.outside, *(one.backend for one in self.instances)]
        await asyncio.gather(*(self.publish(backend, count) for backend in everywhere))

    async def until_away(self) -> None:
        await asyncio.gather(*(one.until_ready_says(503) for one in self.instances))

    async def conclude(self) -> None:
        """Nobody was thrown out, and all are in step."""
        await self.finish(self.outside)
        assert {one.connections for one in self.followers} == {1}
        await asyncio.gather(*(one.until_ready_says(200) for one in self.instances))


@asynccontextmanager
async def drill(server: PostgresServer, *, past_the_line: bool = True, patience: float = 3) -> AsyncIterator[Drill]:
    async with AsyncExitStack() as ends:
        line = await ends.enter_async_context(proxy(server.port))
        url = over(line, server)
        instances = [await ends.enter_async_context(Instance(url, patience)) for _ in range(2)]
        outside = PostgresBroadcastBackend(server.url if past_the_line else url)
        ends.push_async_callback(outside.close)
        one = Drill(server, line, instances, outside)
        await asyncio.gather(*(each.until_ready_says(200) for each in instances))
        await one.follow(*[each.server.url for each in instances] * 2)
        ends.push_async_callback(one.end)
        await one.publish_everywhere(5)
        yield one


def over(line: Proxy, server: PostgresServer) -> str:
    """The server's URL, through the line."""
    return server.url.replace(f":{server.port}/", f":{line.port}/")
