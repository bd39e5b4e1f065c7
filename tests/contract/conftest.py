"""The contract's tests take any backend: each entry makes a backend for one instance."""

from collections.abc import Callable, Iterator
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend
from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.support.postgres import PostgresServer
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


def over_postgres(server: PostgresServer) -> Make:
    """The same."""

    def make(**arguments: Any) -> WebSocketBroadcastBackend:
        bridge = PostgresBroadcastBackend(server.url, channel_prefix=next(_prefixes))
        return WebSocketBroadcastBackend(bridge=bridge, **arguments)

    return make


class Broker(NamedTuple):
    """Where the workers of a broker of the tests' own meet."""

    url: str


def over_ipc(broker: Broker) -> Make:
    """The same."""

    def make(**arguments: Any) -> WebSocketBroadcastBackend:
        bridge = IPCBroadcastBackend(broker.url, channel_prefix=next(_prefixes))
        return WebSocketBroadcastBackend(bridge=bridge, **arguments)

    return make


BRIDGES = [pytest.param("redis", marks=pytest.mark.redis), "ipc", "postgres"]
_KINDS = {"redis": RedisBroadcastBackend, "ipc": IPCBroadcastBackend, "postgres": PostgresBroadcastBackend}


ON_REDIS = pytest.mark.parametrize("make_bridge", ["redis"], indirect=True)
"""For tests that break the line to it, or the server."""


@pytest.fixture(params=BRIDGES)
def make_bridge(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Each call makes one more bridge of the same application; `url` names another server."""
    kind: Any = _KINDS[request.param]
    server: Any = request.getfixturevalue(f"_{request.param}")
    prefix = next(_prefixes)

    def make(url: str = server.url) -> Any:
        return kind(url, channel_prefix=prefix)

    return make


@pytest.fixture
def make_instance(make_bridge: Callable[..., Any]) -> Make:
    """Each call makes one more instance of the same application."""

    def make(*, url: str = "", **arguments: Any) -> WebSocketBroadcastBackend:
        return WebSocketBroadcastBackend(bridge=make_bridge(url) if url else make_bridge(), **arguments)

    return make


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lanes and stores do not depend on each other: one lane for some of them is enough."""
    twice = [item for item in items if _is_needless(getattr(item, "callspec", None))]
    config.hook.pytest_deselected(items=twice)
    items[:] = [item for item in items if item not in twice]


def _is_needless(call: Any) -> bool:
    return (
        call is not None
        and call.params.get("lane") == "slow"
        and call.params.get("make_backend") in ("ipc", "postgres")
    )


class World:
    """One instance: its backend, and the server that it answers on."""

    def __init__(self, backend: WebSocketBroadcastBackend, server: Server) -> None:
        self.backend = backend
        self.server = server


@pytest.fixture(scope="session")
def _redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    with PostgresServer(max_connections=200) as server:
        yield server


@pytest.fixture(scope="session")
def _ipc() -> Iterator[Broker]:
    with TemporaryDirectory(prefix="ipc-") as folder:  # the temporary folders of pytest have long names
        yield Broker(f"ipc://{folder}/broker")


IN_PAIRS = pytest.mark.parametrize(
    ("lane", "make_backend"),
    [("slow", "memory"), pytest.param("fast", "redis", marks=pytest.mark.redis)],
    indirect=True,
)
"""For long tests: each lane and each store once. Lanes and stores do not depend on each other."""


@pytest.fixture(params=["memory", *BRIDGES])
def make_backend(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return WebSocketBroadcastBackend
    if request.param == "ipc":
        return over_ipc(request.getfixturevalue("_ipc"))
    if request.param == "postgres":
        return over_postgres(request.getfixturevalue("_postgres"))
    return over_redis(request.getfixturevalue("_redis"))


@pytest.fixture
def world(make_backend: Make, request: pytest.FixtureRequest) -> Iterator[World]:
    """Parametrize it indirectly with the backend's arguments."""
    arguments: dict[str, Any] = getattr(request, "param", {})
    backend = make_backend(**arguments)
    with serving_backend(backend) as server:
        yield World(backend, server)
