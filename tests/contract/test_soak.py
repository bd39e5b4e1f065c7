"""Coming and going leaves nothing behind."""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator

import psutil
import pytest

from tests.contract.conftest import Make
from tests.support.raw import Raw
from tests.support.server import serving_backend, until


def test_connects_and_drops_leave_nothing_behind(make_backend: Make) -> None:
    come_and_go(make_backend, 1_000)


@pytest.mark.soak
def test_ten_thousand_connects_and_drops_leave_nothing_behind(make_backend: Make) -> None:
    come_and_go(make_backend, 10_000)


def come_and_go(make_backend: Make, times: int) -> None:
    backend = make_backend()
    process = psutil.Process()
    with serving_backend(backend) as server:

        def tasks() -> int:
            return server.call(lambda: len(asyncio.all_tasks()))

        own = tasks()  # the server's, and the bridge's

        def visit(count: int) -> None:
            for n in range(count):
                raw = Raw(server.port)
                raw.text({"subscribe": ["a", "b"], "id": 1})
                assert raw.message()["id"] == 1
                raw.reset() if n % 2 else raw.socket.close()
            asyncio.run(until(server, lambda: not backend._instance.connections.open))
            asyncio.run(until(server, lambda: len(asyncio.all_tasks()) <= own))
            gc.collect()

        visit(times // 5)  # what is made once and kept
        fds, running, memory = process.num_fds(), tasks(), traced()
        visit(times)
        assert (process.num_fds(), tasks()) == (fds, running)
        assert traced() - memory < 200 * 1024
        assert backend.get_all_channels() == []


def traced() -> int:
    """Bytes that Python holds."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture(autouse=True)
def _tracing() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()
