"""The contract's tests take any backend: each entry makes a backend for one instance."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.support.server import Server, serving_backend

Make = Callable[..., WebSocketBroadcastBackend]

BACKENDS: dict[str, Make] = {"memory": WebSocketBroadcastBackend}


class World:
    """One instance: its backend, and the server that it answers on."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server) -> None:
        self.backend = backend
        self.server = server


@pytest.fixture(params=BACKENDS)
def make_backend(request: pytest.FixtureRequest) -> Make:
    return BACKENDS[request.param]


@pytest.fixture
def world(make_backend: Make, request: pytest.FixtureRequest) -> Iterator[World]:
    """Parametrize it indirectly with the backend's arguments."""
    arguments: dict[str, Any] = getattr(request, "param", {})
    backend = make_backend(**arguments)
    with serving_backend(backend) as server:
        yield World(backend, server)
