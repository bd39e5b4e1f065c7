"""What the page of notifications makes of breaks and restarts."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import Line, Reporter
from tests.e2e.notifications import NotificationsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> NotificationsPage:
    one: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    return one


def test_a_break_is_recovered_by_position(
    browser: Browser, line: Line, site: Instance, reporter: Reporter, open_page: Open
) -> None:
    page: NotificationsPage = open_page(browser, f"{line.http}/notifications", NotificationsPage)
    page.watch("nightly-import")
    reporter.post("/progress/nightly-import/start", total_steps=4)
    page.shows("nightly-import", "Under way", "0 of 4")
    first = reporter.post("/notifications", title="Before")
    page.feed("Before")
    line.cut()
    page.is_("Reconnecting: as of")
    page.shot("reconnecting")
    reporter.post(f"/notifications/{first['id']}/acknowledge")
    for step in [1, 2, 3]:
        reporter.post("/progress/nightly-import", current_step=step)
    reporter.post("/notifications", title="Meanwhile", type="warning")
    requests: list[str] = []
    page.page.on("request", lambda request: requests.append(request.url))
    line.mend()
    page.is_("Live")
    page.shows("nightly-import", "Under way", "3 of 4")
    page.feed("Meanwhile")
    page.toast("warning", "Meanwhile")
    assert not [url for url in requests if "/alerts" in url]  # nothing was read anew: the events came


def test_a_server_that_was_killed_and_is_back(page: NotificationsPage, site: Instance, reporter: Reporter) -> None:
    page.watch("nightly-import")
    reporter.post("/runs/nightly-import/started")
    page.shows("nightly-import", "Running")
    reporter.post("/notifications", title="Of the first life")
    page.feed("Of the first life")
    site.kill()
    page.is_("Reconnecting: as of")
    page.feed("Of the first life")
    site.start()
    reporter.post("/notifications", title="Of the second life")
    page.is_("Live")
    page.feed("Of the second life")
    page.shows("nightly-import", "Not begun")
    reporter.post("/runs/nightly-import/started")
    page.shows("nightly-import", "Running")


def test_what_does_not_work_is_said(page: NotificationsPage, site: Instance, reporter: Reporter) -> None:
    reporter.post("/alerts", severity="high", title="Disk full")
    page.toast("high", "Disk full")
    site.kill()
    page.is_("Reconnecting")
    page.page.get_by_label("Resolve Disk full").click()
    page.toast("error", "The server cannot be reached.")
    page.alerts("Disk full")
    expect(page.page.get_by_label("Resolve Disk full")).to_be_enabled()
