"""Somebody else on the same server, who must not notice what a hostile client does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client


@asynccontextmanager
async def undisturbed(backend: WebSocketBroadcastBackend, url: str) -> AsyncIterator[None]:
    """Another connection, opened before the block, gets what is published after it, and nothing else."""
    async with client(url) as other:
        await other.subscribe("bystander")
        yield
        event = await backend.broadcast("bystander", "still-here", {})
        assert (await other.event())["offset"] == event.offset
        await other.nothing_more()
