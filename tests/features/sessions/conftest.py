from collections.abc import AsyncIterator, Iterator

import pytest

from tests.features.sessions.world import Served, World, build
from tests.support.server import serving, until


@pytest.fixture(scope="module")
def served(lane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for a module's tests: starting and stopping one takes longer than most of them."""
    app, sessions, clock = build(tmp_path_factory.mktemp("sessions"))
    with serving(app) as server:
        yield Served(sessions, clock, server)


@pytest.fixture
async def world(served: Served) -> AsyncIterator[World]:
    """It begins without sessions and connections, in both lanes."""
    served.clock.reset()
    world = World(served)
    async with world.open():
        yield world
    await until(served.server, lambda: not world.broadcast.get_total_connections())
    for session in world.sessions.all():
        await served.server.acall(lambda: world.sessions.close(session.id))  # noqa: B023 - it is awaited at once
