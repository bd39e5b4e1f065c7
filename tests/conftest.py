import asyncio
from collections.abc import Iterator

import pytest

from tests.support import server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="run each test so many times in a row")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames or {"serving", "serving_backend"} & vars(metafunc.module).keys():
        lanes = [name for name in server.LANES if name != "past" or hasattr(metafunc.module, "past")]
        if metafunc.definition.get_closest_marker("slow_lane"):
            lanes = ["slow"]
        elif metafunc.definition.get_closest_marker("fast_lane"):
            lanes.remove("slow")
        metafunc.parametrize("lane", lanes, indirect=True, scope="module")
    times = metafunc.config.getoption("times")
    if times > 1:
        metafunc.fixturenames.append("_time")
        metafunc.parametrize("_time", range(times))


@pytest.fixture(autouse=True, scope="module")
def lane(request: pytest.FixtureRequest) -> str:
    """Tests that serve run in both lanes; in modules that say `past = True`, past the application too. A fixture that
    serves for a whole module asks for it."""
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
