from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.live import LivePage, RestClient, SyncProxy
from tests.e2e.orders import OrdersPage
from tests.support.address import Address
from tests.support.browser import launch
from tests.support.instances import Instance, instances
from tests.support.nginx import Haproxy
from tests.support.process import ROOT
from tests.support.programs import program

APP = "examples.orders.app:app"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def _playwright() -> Iterator[Playwright]:
    """Ends with the module: while it runs, no other event loop can run in this thread."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(_playwright: Playwright) -> Browser:
    return launch(_playwright)


@pytest.fixture(scope="module")
def other_browser(_playwright: Playwright) -> Browser:
    return launch(_playwright)


@pytest.fixture
def database(tmp_path: Path) -> str:
    program("npm")
    if not (ROOT / "examples" / "orders" / "page" / "dist").exists():
        pytest.fail("the example's page is not built: run `make page`", pytrace=False)
    return f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}"


@pytest.fixture
def server(database: str) -> Iterator[Instance]:
    with instances(1, APP, DATABASE_URL=database) as (instance,):
        yield instance


BLOCKING = """
defaults
  mode http
  timeout connect 2s
  timeout client 1h
  timeout server 1h
frontend front
  bind 127.0.0.1:8080
  http-request deny if { hdr(upgrade) -i websocket }
  default_backend site
backend site
  server one 127.0.0.1:8001
"""

LANES = pytest.mark.parametrize("front", ["websockets", "blocked"], indirect=True)
"""For what pages show over either lane: the second time WebSockets are blocked."""
LANES_SOAK = pytest.mark.parametrize(
    "front", ["websockets", pytest.param("blocked", marks=pytest.mark.soak)], indirect=True
)
"""The same, the second time with `make soak`."""


@pytest.fixture
def front(server: Instance, request: pytest.FixtureRequest) -> Iterator[Address]:
    """Where pages find the server: itself or, as `blocked`, a proxy that lets no WebSocket pass."""
    if getattr(request, "param", "websockets") == "websockets":
        yield server
        return
    with Haproxy(BLOCKING, [server.port]) as proxy:
        assert httpx2.get(f"{proxy.http}/ws/broadcast", headers={"Upgrade": "websocket"}).status_code == 403
        yield proxy


@pytest.fixture
def open_page() -> Iterator[Open]:
    """Open a page in a browser with a new profile, or in another tab beside a page. Toasts stay until they are dismissed."""
    pages: list[OrdersPage | LivePage] = []

    def open_page(
        where: Browser | OrdersPage, url: str, kind: type[OrdersPage | LivePage] = OrdersPage, **options: Any
    ) -> OrdersPage | LivePage:
        tab = isinstance(where, OrdersPage)
        context = where.page.context if tab else where.new_context(reduced_motion="reduce", **options)
        pages.append(kind(context, url))
        return pages[-1]

    yield open_page
    for page in pages:
        page.page.context.close()
    assert [fault for page in pages for fault in page.faults] == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Instance]:
    """The package's own application, with its live pages."""
    with instances(1, PATTERN_STACK_DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'projects.db'}") as (instance,):
        yield instance


@pytest.fixture
def rest(site: Instance) -> Iterator[RestClient]:
    client = RestClient(site.http)
    yield client
    client.close()


@pytest.fixture
def proxy(site: Instance) -> Iterator[SyncProxy]:
    """A proxy in front of the site."""
    proxy = SyncProxy(site.port)
    yield proxy
    proxy.close()
