"""The contract's tests take any backend: each entry makes a backend for one instance."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving_backend

Make = Callable[..., WebSocketBroadcastBackend]

_prefixes = (f"contract{number}" for number in count())


def over_redis(server: RedisServer) -> Make:
    """Each is alone under a prefix of its own."""

    def make(**arguments: Any) -> WebSocketBroadcastBackend:
        bridge = RedisBroadcastBackend(server.url, channel_prefix=next(_prefixes))
        return WebSocketBroadcastBackend(bridge=bridge, **arguments)

    return make


@pytest.fixture
def make_instance(_redis: RedisServer) -> Make:
    """Each call makes one more instance of the same application."""
    prefix = next(_prefixes)

    def make(*, url: str = _redis.url, **arguments: Any) -> WebSocketBroadcastBackend:
        return WebSocketBroadcastBackend(bridge=RedisBroadcastBackend(url, channel_prefix=prefix), **arguments)

    return make


class World:
    """One instance: its backend, and the server that it answers on."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server) -> None:
        self.backend = backend
        self.server = server


@pytest.fixture(scope="session")
def _redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


IN_PAIRS = pytest.mark.parametrize(
    ("lane", "make_backend"),
    [("slow", "memory"), pytest.param("fast", "redis", marks=pytest.mark.redis)],
    indirect=True,
)
"""For long tests: each lane and each store once. Lanes and stores do not depend on each other."""


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def make_backend(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return WebSocketBroadcastBackend
    return over_redis(request.getfixturevalue("_redis"))


@pytest.fixture
def world(make_backend: Make, request: pytest.FixtureRequest) -> Iterator[World]:
    """Parametrize it indirectly with the backend's arguments."""
    arguments: dict[str, Any] = getattr(request, "param", {})
    backend = make_backend(**arguments)
    with serving_backend(backend) as server:
        yield World(backend, server)
