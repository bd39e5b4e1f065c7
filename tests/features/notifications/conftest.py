from collections.abc import Iterator

import pytest

from tests.features.notifications.world import World, serving_world


@pytest.fixture(scope="module")
def _shared_world(lane: str) -> Iterator[World]:
    with serving_world() as world:
        yield world


@pytest.fixture
async def world(_shared_world: World) -> World:
    """Nobody of an earlier test is connected any more."""
    await _shared_world.connections(0)
    return _shared_world
