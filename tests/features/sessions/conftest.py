import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.features.sessions.world import World, build
from tests.support.server import serving


@pytest.fixture
async def world(lane: str, tmp_path: Path) -> AsyncIterator[World]:
    """A server of the test's own, in both lanes."""
    world = build(tmp_path)
    context = serving(world.app)
    server = await asyncio.to_thread(context.__enter__)
    try:
        async with world.open(server):
            yield world
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
