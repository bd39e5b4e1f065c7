"""The fleet's page, in a real browser."""

import asyncio
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, expect

from pattern_stack.app import create_app
from pattern_stack.features.fleet import FleetSessionBody
from pattern_stack.settings import Settings
from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, VIEWPORTS, LivePage
from tests.features.fleet.computers import computer
from tests.support.process import ROOT
from tests.support.redis.server import RedisServer
from tests.support.server import serving


class FleetPage(LivePage):
    name = "fleet"

    def __init__(self, context: BrowserContext, url: str) -> None:
        super().__init__(context, f"{url}/fleet")


def test_it_shows_all_computers_and_changes_the_sessions_of_its_own(
    browser: Browser, open_page: Open, redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = Settings(
        broadcast_url="memory://",
        database_url=f"sqlite+aiosqlite:///{tmp_path}/projects.db",
        fleet_computer="ann",
        fleet_redis_url=redis_server.url,
        fleet_heartbeat_seconds=0.5,
        fleet_directory=ROOT / "examples" / "fleet" / "ann",
    )
    with serving(create_app(settings)) as server:
        page: FleetPage = open_page(browser, server.http, FleetPage, **VIEWPORTS["wide"])
        row = page.page.locator("#sessions tr")
        with computer("ben", redis_url=redis_server.url, heartbeat_seconds=0.5) as ben:
            put = ben.fleet.put_session(FleetSessionBody(title=HOSTILE))
            asyncio.run_coroutine_threadsafe(put, ben.server.loop).result()
            expect(row.filter(has_text="ben")).to_contain_text(HOSTILE)
            expect(row.filter(has_text="ben").get_by_role("button")).to_have_count(0)
            page.page.get_by_label("Title").fill("Repair the shed")
            page.page.get_by_role("button", name="Create session").click()
            expect(row.filter(has_text="ann")).to_contain_text("Repair the shed")
            expect(page.page.locator("#computers tr")).to_have_count(2)
            expect(page.page.locator(".project").filter(has_text="garden")).to_contain_text("water: Water the beds")
            page.screenshot("wide")
        expect(page.page.locator("#computers tr").filter(has_text="ben")).to_contain_text("offline")
        expect(row).to_have_count(1)
        row.get_by_role("button", name="Delete Repair the shed").click()
        expect(row).to_have_count(0)
        page.expect_no_injection()
        narrow: FleetPage = open_page(browser, server.http, FleetPage, **VIEWPORTS["narrow"], color_scheme="dark")
        expect(narrow.page.locator(".project")).to_have_count(2)
        narrow.screenshot("narrow-dark")
        assert narrow.fits_width()
