"""Coming and going leaves nothing behind."""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator

import psutil
import pytest

from tests.contract.conftest import IN_PAIRS, Make
from tests.support.raw import Raw
from tests.support.server import serving_backend, until


@IN_PAIRS
def test_connects_and_drops_leave_nothing_behind(make_backend: Make) -> None:
    come_and_go(make_backend, 1_000)


@pytest.mark.soak
@IN_PAIRS
def test_ten_thousand_connects_and_drops_leave_nothing_behind(make_backend: Make) -> None:
    come_and_go(make_backend, 10_000)


def come_and_go(make_backend: Make, times: int) -> None:
    backend = make_backend()
    process, there = psutil.Process(), backend._instance.connections
    with serving_backend(backend) as server:

        def tasks() -> int:
            return server.call(lambda: len(asyncio.all_tasks()))

        def visit(count: int) -> None:
            for n in range(count):
                raw = Raw(server.port)
                raw.text({"subscribe": ["a", "b"], "id": 1})
                assert raw.message()["id"] == 1
                raw.reset() if n % 2 else raw.socket.close()
            asyncio.run(until(server, lambda: not (there.open or there.closing)))
            gc.collect()

        visit(times // 5)  # what is made once and kept
        fds, running, memory = process.num_fds(), tasks(), traced()
        visit(times)
        asyncio.run(until(server, lambda: len(asyncio.all_tasks()) <= running))
        assert process.num_fds() == fds
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
