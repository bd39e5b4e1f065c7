"""Tabs of one browser that share a socket, when the tab that holds the socket is blocked or hidden."""

import time
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Playwright, expect

from tests.support.browser import launch
from tests.support.instances import Instance, instances
from tests.support.patience import PATIENCE
from tests.support.process import ROOT
from tests.support.programs import program

APP = "tests.e2e.shared_socket_app:app"


class Tab:
    """Connected, and subscribed to the channel of `publish`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.page.goto(url)
        self.expect_state("connected")

    def expect_state(self, state: str) -> None:
        expect(self.page.locator("#state")).to_have_text(state)

    def expect_sockets(self, count: int) -> None:
        """Wait until the tab has opened so many sockets."""
        expect(self.page.locator("#sockets")).to_have_text(str(count))

    def expect_events(self, last: int) -> None:
        """Wait until the tab has every event up to this offset, once each and in order."""
        expect(self.page.locator("#offsets")).to_have_text(",".join(str(offset) for offset in range(1, last + 1)))


@pytest.fixture
def server() -> Iterator[Instance]:
    program("npm")
    if not (ROOT / "clients" / "typescript" / "dist").exists():
        pytest.fail("the TypeScript client is not built: run `make client`", pytrace=False)
    with instances(1, APP) as (instance,):
        yield instance


@pytest.fixture
def context(_playwright: Playwright) -> Iterator[BrowserContext]:
    browser = launch(_playwright, back_forward_cache=True)
    yield browser.new_context()
    browser.close()


@pytest.fixture
def tabs(context: BrowserContext, server: Instance) -> list[Tab]:
    """The first one leads."""
    tabs = [Tab(context, server.http) for _ in range(3)]
    assert [tab.page.locator("#sockets").text_content() for tab in tabs] == ["1", "0", "0"]
    return tabs


def publish(server: Instance) -> int:
    """Publish an event. Returns its offset."""
    return int(httpx2.post(f"{server.http}/publish").raise_for_status().json())


def test_another_tab_takes_over_from_one_that_shows_a_dialog(tabs: list[Tab], server: Instance) -> None:
    leader, *others = tabs
    dialogs: list[Dialog] = []
    leader.page.on("dialog", lambda dialog: dialogs.append(dialog))
    leader.page.evaluate("void setTimeout(() => alert('This page is blocked.'))")
    deadline = time.monotonic() + PATIENCE
    while not dialogs:
        assert time.monotonic() < deadline, "there was no dialog"
        others[0].page.wait_for_timeout(10)  # Playwright delivers events meanwhile
    last = publish(server)
    for tab in others:
        tab.expect_events(last)
    dialogs[0].dismiss()
    last = publish(server)
    for tab in tabs:
        tab.expect_events(last)


def test_another_tab_takes_over_from_one_in_the_back_forward_cache(tabs: list[Tab], server: Instance) -> None:
    leader, *others = tabs
    leader.page.goto(f"{server.http}/other")
    last = publish(server)
    for tab in others:
        tab.expect_events(last)
    leader.page.go_back(wait_until="commit")
    expect(leader.page).to_have_title("Restored")
    last = publish(server)
    for tab in tabs:
        tab.expect_events(last)
    leader.expect_sockets(1)


def test_more_tabs_than_a_host_has_connections_share_a_stream(context: BrowserContext, server: Instance) -> None:
    """A browser opens six to a host under HTTP/1.1."""
    tabs = [Tab(context, f"{server.http}/?blocked") for _ in range(7)]
    last = publish(server)
    for tab in tabs:
        tab.expect_events(last)
    tabs[0].page.close()
    last = publish(server)
    for tab in tabs[1:]:
        tab.expect_events(last)
