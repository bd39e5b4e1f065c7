"""The inspector in a real browser: an operator finds causes with the page alone."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, expect

from pattern_stack import Channel, Forbidden, Identity
from pattern_stack.app import create_app
from pattern_stack.settings import Settings
from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, VIEWPORTS, LivePage
from tests.support.client import Client, client
from tests.support.patience import PATIENCE
from tests.support.server import Server, serving

TOKEN = "let-me-look"


class InspectorPage(LivePage):
    name = "inspector"

    def __init__(self, context: BrowserContext, url: str) -> None:
        super().__init__(context, f"{url}/inspector?token={TOKEN}")

    def expect_finding(self, kind: str, *texts: str) -> None:
        finding = self.page.locator("#findings li").filter(has=self.page.locator(f"[data-kind={kind}]"))
        for text in texts:
            expect(finding.first).to_contain_text(text)


def who(user: str = "ann") -> Identity:
    return Identity(user, key=user)


def application(directory: Path) -> FastAPI:
    settings = Settings(
        broadcast_url="memory://",
        database_url=f"sqlite+aiosqlite:///{directory}/projects.db",
        inspector_token=TOKEN,
    )
    app = create_app(settings, authenticate=who)

    @app.state.broadcast.channel("payroll:{room}")
    class Payroll(Channel):
        async def authorize(self, connection: Any, room: str) -> None:
            raise Forbidden(f"not for {HOSTILE}")

    return app


class People:
    """Clients, on a loop of their own: Playwright has this thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(PATIENCE)

    def comes(self, user: str, *channels: str, **options: Any) -> Client:
        async def come() -> Client:
            one: Client = await self._stack.enter_async_context(client(f"{self._server.url}?user={user}", **options))
            for channel in channels:
                await one.ask({"subscribe": [channel]})
            return one

        came: Client = self.do(come())
        return came

    def close(self) -> None:
        self.do(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return application(tmp_path)


@pytest.fixture
def served(app: FastAPI) -> Iterator[Server]:
    with serving(app) as server:
        yield server


@pytest.fixture
def people(served: Server) -> Iterator[People]:
    people = People(served)
    yield people
    people.close()


def test_an_operator_finds_causes_and_disconnects(
    browser: Browser, app: FastAPI, served: Server, people: People, open_page: Open
) -> None:
    broadcast = app.state.broadcast
    page: InspectorPage = open_page(browser, served.http, InspectorPage, **VIEWPORTS["wide"])
    assert "token" not in page.page.url
    expect(page.page.locator("#instance")).to_contain_text("This instance")
    expect(page.page.locator("#findings-empty")).to_be_visible()

    ann = people.comes("ann", "orders", "payroll:7")
    people.comes(HOSTILE[:9].replace("<", "%3C").replace(" ", "%20"), *[f"room:{n}" for n in range(30)])
    foreign = people.comes("ben", origin="https://app.example")
    assert people.do(foreign.closed())[0] == 1008
    for _ in range(2):
        served.call(lambda: broadcast.broadcast("order", "created", {"name": HOSTILE}))
    served.call(lambda: broadcast.broadcast("orders", HOSTILE[:15], {"name": HOSTILE}))

    page.expect_finding("forbidden", "ann was refused on payroll:7", HOSTILE)
    page.expect_finding("origin", "https://app.example", f"127.0.0.1:{served.port}", "PATTERN_STACK_ORIGINS")
    page.expect_finding("unheard", "2 events on order", "Clients are on orders")
    expect(page.page.locator("#connections tr")).to_have_count(2)
    expect(page.page.locator("#channels tr")).to_have_count(25)
    page.page.get_by_role("button", name="Channels: the rows after").click()
    expect(page.page.locator("#channels")).to_contain_text("room:9")
    page.page.get_by_label("Search").fill("orders")
    expect(page.page.locator("#channels tr")).to_have_count(1)
    page.page.get_by_role("button", name="Events of orders", exact=True).click()
    expect(page.page.locator("#events")).to_contain_text(HOSTILE)
    page.page.get_by_label("Search").fill("ann")
    expect(page.page.locator("#connections tr")).to_have_count(1)
    expect(page.page.locator("#channels tr")).to_have_count(0)
    expect(page.page.locator("#findings li").first).to_contain_text("ann was refused")
    page.expect_finding("origin", "https://app.example")  # of the instance, whatever is searched for
    page.screenshot("wide")

    row = page.page.locator("#connections tr").filter(has_text="ann")
    row.get_by_role("button").click()
    row.get_by_role("button").click()
    assert people.do(ann.closed())[0] == 4403
    expect(page.page.locator("#ended tr").first).to_contain_text("4403")
    expect(page.page.locator("#ended tr").first).to_contain_text("disconnected by an operator")
    page.expect_no_injection()


def test_narrow_and_dark_without_the_token_nothing(
    browser: Browser, served: Server, people: People, open_page: Open
) -> None:
    people.comes("ann", *[f"room:{n}" for n in range(5)], "payroll:7")
    page: InspectorPage = open_page(browser, served.http, InspectorPage, **VIEWPORTS["narrow"], color_scheme="dark")
    page.expect_finding("forbidden", "ann")
    expect(page.page.locator("#connections tr")).to_have_count(1)
    page.screenshot("narrow-dark")
    assert page.fits_width()
    page.page.context.clear_cookies()
    assert page.page.goto(f"{served.http}/inspector").status == 401  # type: ignore[union-attr]
