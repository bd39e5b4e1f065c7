"""The notifications page during network failures and server restarts."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import RestClient, SyncProxy
from tests.e2e.notifications import NotificationsPage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> NotificationsPage:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    return page


def test_missed_events_are_recovered(
    browser: Browser, proxy: SyncProxy, site: Instance, rest: RestClient, open_page: Open
) -> None:
    page: NotificationsPage = open_page(browser, f"{proxy.http}/notifications", NotificationsPage)
    page.watch("nightly-import")
    rest.post("/progress/nightly-import/start", total_steps=4)
    page.expect_run("nightly-import", "In progress", "0 of 4")
    first = rest.post("/notifications", title="Before")
    page.expect_unacknowledged("Before")
    proxy.cut()
    page.expect_state("Reconnecting, data as of")
    page.screenshot("reconnecting")
    rest.post(f"/notifications/{first['id']}/acknowledge")
    for step in [1, 2, 3]:
        rest.post("/progress/nightly-import", current_step=step)
    rest.post("/notifications", title="Meanwhile", type="warning")
    requests: list[str] = []
    page.page.on("request", lambda request: requests.append(request.url))
    proxy.restore()
    page.expect_state("Live")
    page.expect_run("nightly-import", "In progress", "3 of 4")
    page.expect_unacknowledged("Meanwhile")
    page.expect_toast("warning", "Meanwhile")
    assert not [url for url in requests if "/alerts" in url]  # nothing was read again: the events were recovered


def test_a_killed_and_restarted_server_is_reconnected_to(
    page: NotificationsPage, site: Instance, rest: RestClient
) -> None:
    page.watch("nightly-import")
    rest.post("/runs/nightly-import/started")
    page.expect_run("nightly-import", "Running")
    rest.post("/notifications", title="Of the first life")
    page.expect_unacknowledged("Of the first life")
    site.kill()
    page.expect_state("Reconnecting, data as of")
    page.expect_unacknowledged("Of the first life")
    site.start()
    rest.post("/notifications", title="Of the second life")
    page.expect_state("Live")
    page.expect_unacknowledged("Of the second life")
    page.expect_run("nightly-import", "Not started")
    rest.post("/runs/nightly-import/started")
    page.expect_run("nightly-import", "Running")


def test_a_failed_request_is_shown(page: NotificationsPage, site: Instance, rest: RestClient) -> None:
    rest.post("/alerts", severity="high", title="Disk full")
    page.expect_toast("high", "Disk full")
    site.kill()
    page.expect_state("Reconnecting")
    page.page.get_by_label("Resolve Disk full").click()
    page.expect_toast("error", "The server cannot be reached.")
    page.expect_open_alerts("Disk full")
    expect(page.page.get_by_label("Resolve Disk full")).to_be_enabled()
