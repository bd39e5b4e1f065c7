"""Keyboards and screen readers: axe-core finds nothing serious on any page, and each page links to all others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import test_server
from pattern_stack.app import create_app
from pattern_stack.pages import METHODS, page
from pattern_stack.settings import Settings
from tests.support.process import ROOT
from tests.support.server import Server, serving

AXE = ROOT / "clients" / "typescript" / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "let-me-look"
PAGES = {
    "Live": "/",
    "Sessions": "/sessions",
    "Notifications": "/notifications",
    "Fleet": "/fleet",
    "Inspector": "/inspector",
    "REST calls": "/docs",
    "AsyncAPI": "/asyncapi",
}
SERIOUS = ("serious", "critical")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    app = create_app(
        Settings(
            broadcast_url="memory://",
            database_url=f"sqlite+aiosqlite:///{tmp_path}/projects.db",
            fleet_directory=ROOT / "examples" / "fleet" / "ann",
            inspector_token=TOKEN,
        )
    )
    app.add_api_route("/", page("live"), methods=METHODS, include_in_schema=False)
    app.add_api_route("/test/stats", test_server.stats)
    with serving(app) as server:
        yield server


def faults(shown: Page) -> list[str]:
    """What axe-core finds, and where: in the light and wide, in the dark and narrow."""
    shown.evaluate(AXE.read_text())
    found = _found(shown)
    shown.emulate_media(color_scheme="dark")
    shown.set_viewport_size({"width": 375, "height": 900})
    found += _found(shown)
    shown.emulate_media(color_scheme="light")
    shown.set_viewport_size({"width": 1280, "height": 860})
    return found


def _found(shown: Page) -> list[str]:
    shown.evaluate("for (const one of document.getAnimations()) if (one.animationName === 'flash') one.finish()")
    found: dict[str, Any] = shown.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def test_no_page_has_a_serious_fault_and_each_links_to_all_others(browser: Browser, served: Server) -> None:
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    shown = context.new_page()
    shown.goto(f"{served.http}/inspector?token={TOKEN}")
    found: dict[str, list[str]] = {}
    for title in PAGES:
        shown.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()
        links = shown.get_by_role("navigation", name="Pages").get_by_role("link")
        expect(links).to_have_text(list(PAGES))
        expect(links.and_(shown.locator("[aria-current=page]"))).to_have_text(title)
        assert shown.url.removeprefix(served.http) == PAGES[title]
        fill(shown, title)
        found[title] = faults(shown)
    shown.evaluate("document.body.append(document.createElement('button'))")
    assert any(one.startswith("button-name") for one in faults(shown))  # it does see faults
    context.close()
    assert {title: one for title, one in found.items() if one} == {}


def fill(shown: Page, title: str) -> None:
    """As it looks in use."""
    if title in ("Live", "Sessions", "Notifications", "Fleet", "Inspector"):
        expect(shown.locator("#state")).to_have_text("Live")
    if title == "Sessions":
        shown.get_by_role("button", name="Create project").click()
        expect(shown.locator("#session")).to_be_visible()
        shown.get_by_role("button", name="Add a root").click()
        faults_of_the_session = faults(shown)
        assert faults_of_the_session == []
        shown.goto(shown.url.partition("#")[0])
    if title == "Notifications":
        shown.get_by_role("button", name="Start a run").click()
        shown.get_by_role("button", name="Alert", exact=True).click()
        expect(shown.locator(".alert")).to_have_count(1)
    if title == "Fleet":
        shown.get_by_label("Title").fill("Repair the shed")
        shown.get_by_role("button", name="Create session").click()
        expect(shown.locator("#sessions tr")).to_have_count(1)
        expect(shown.locator("#projects .project")).to_have_count(2)
    if title == "REST calls":
        shown.locator("summary").first.click()
