import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.support import server
from tests.support.eager import start_tasks_eagerly
from tests.support.postgres import PostgresServer
from tests.support.redis.certificate import Certificate, certificate
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.replicated import Replicated
from tests.support.redis.server import RedisServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="run each test so many times in a row")
    parser.addoption("--eager", action="store_true", help="event loops start tasks eagerly (Python 3.12 and later)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("eager"):
        start_tasks_eagerly()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("lanes"):
        metafunc.parametrize("lane", marker.args, indirect=True, scope="module")
    times = metafunc.config.getoption("times")
    if times > 1:
        metafunc.fixturenames.append("_time")
        metafunc.parametrize("_time", range(times))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(name.startswith("redis_") for name in getattr(item, "fixturenames", ())):
            item.add_marker("redis")


@pytest.fixture(autouse=True, scope="module")
def lane(request: pytest.FixtureRequest) -> str:
    """The lane of `tests/support/server.py` that tests serve in: "fast", or each that the marker `lanes` names, where the lane
    makes a difference. A module-scoped fixture that serves has to request it."""
    server.lane = getattr(request, "param", "fast")
    return server.lane


@pytest.fixture(autouse=True)
def _loop_for_sync_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Python 3.14 no longer makes a loop for `asyncio.get_event_loop()`; the plan's own tests ask for one."""
    if "plan" not in request.path.parts:
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of the test's own: it takes 20 ms to start."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_replicated() -> Iterator[Replicated]:
    """A primary and a replica that is in step."""
    with Replicated() as pair:
        yield pair


@pytest.fixture(scope="session")
def _redis_cluster() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(_redis_cluster: RedisCluster) -> RedisCluster:
    """Three primaries, empty. It takes two seconds to start: a test leaves it whole for the next."""
    _redis_cluster.flush()
    return _redis_cluster


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, with nothing in it. It takes 0.3 s to start, and a second for the first one."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def redis_tls(redis_server: RedisServer, _certificate: Certificate) -> Iterator[RedisServer]:
    """A Redis that speaks TLS and nothing else. Skipped where REDIS_SERVER names one that cannot."""
    if not redis_server.command("CONFIG", "GET", "tls-port"):
        assert "REDIS_SERVER" in os.environ, "the system's Redis is built without TLS"
        pytest.skip("this Redis is built without TLS")
    with RedisServer(certificate=_certificate) as server:
        yield server
