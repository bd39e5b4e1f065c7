from collections.abc import AsyncIterator, Iterator

import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.support.bystander import undisturbed
from tests.support.client import Client, client
from tests.support.server import Server, serving_backend


@pytest.fixture
def backend() -> WebSocketBroadcastBackend:
    return WebSocketBroadcastBackend()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, lane: str) -> Iterator[Server]:
    """Serves the module's `backend`, for all of its tests."""
    with serving_backend(request.module.backend) as server:
        yield server


@pytest.fixture
async def one(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    """On that server, beside somebody who must not notice."""
    async with undisturbed(request.module.backend, server.url), client(server.url) as one:
        yield one
