from collections.abc import Iterator

import pytest

from tests.features.fleet.computers import processes, settings_of
from tests.support.instances import Instance
from tests.support.redis.server import RedisServer

Processes = tuple[RedisServer, list[Instance]]


@pytest.fixture(scope="module")
def redis_fleet() -> Iterator[Processes]:
    """Three computers, a, b and c, as processes over one Redis. A test leaves them running, and uses ids of its own."""
    with RedisServer() as redis, processes("abc", **settings_of(redis.url)) as three:
        yield redis, three
