import asyncio
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="run each test so many times in a row")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    times = metafunc.config.getoption("times")
    if times > 1:
        metafunc.fixturenames.append("_time")
        metafunc.parametrize("_time", range(times))


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
