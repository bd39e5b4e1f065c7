"""The notifications page in real browsers."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, VIEWPORTS, RestClient
from tests.e2e.notifications import NotificationsPage
from tests.support.instances import Instance

KINDS = ["info", "success", "warning", "error", "progress"]


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> NotificationsPage:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    return page


Both = tuple[NotificationsPage, NotificationsPage]


@pytest.fixture
def both(page: NotificationsPage, other_browser: Browser, open_page: Open) -> Both:
    """Two browsers that watch the same run: the URL names it."""
    page.watch("nightly-import")
    other: NotificationsPage = open_page(other_browser, page.page.url, NotificationsPage)
    other.expect_run("nightly-import", "Not started")
    return page, other


def test_two_browsers_show_a_run(both: Both, rest: RestClient) -> None:
    rest.post("/runs/nightly-import/started")
    rest.post("/progress/nightly-import/start", total_steps=8)
    for each in both:
        each.expect_run("nightly-import", "Running", "no estimate yet", "0 of 8")
    rest.post("/progress/nightly-import", current_step=3, step_name="Copying photographs")
    for each in both:
        each.expect_run("nightly-import", "Running", "3 of 8 · Copying photographs", "37 %")
        expect(each.progress_bar("nightly-import")).to_have_js_property("value", 37.5)
    rest.post("/progress/nightly-import/complete")
    rest.post("/runs/nightly-import/completed", results={"orders": 12480})
    for each in both:
        each.expect_run("nightly-import", "Completed", "orders 12,480", "took")
        expect(each.progress_bar("nightly-import")).to_have_js_property("value", 100)


def test_two_browsers_show_and_acknowledge_notifications(both: Both, rest: RestClient) -> None:
    for kind in KINDS:
        rest.post("/notifications", type=kind, title=f"A {kind}")
    for each in both:
        each.expect_unacknowledged(*[f"A {kind}" for kind in reversed(KINDS)])
        for kind in KINDS[1:]:  # at most four toasts are shown
            each.expect_toast(kind, f"A {kind}")
    page, other = both
    page.page.get_by_label("Acknowledge A warning").click()
    for each in both:
        each.expect_unacknowledged("A progress", "A error", "A success", "A info")
    page.page.get_by_role("button", name="Hide acknowledged").click()
    expect(page.page.locator(".notification")).to_have_count(4)
    other.page.get_by_role("button", name="Acknowledge all").click()
    for each in both:
        each.expect_unacknowledged()


def test_two_browsers_show_and_resolve_alerts(both: Both, rest: RestClient) -> None:
    for severity in ["low", "critical", "medium"]:
        rest.post("/alerts", severity=severity, title=f"Something {severity}", session_id="nightly-import")
    for each in both:
        each.expect_open_alerts("Something critical", "Something medium", "Something low")
        expect(each.page.locator("#unresolved")).to_have_text("3")
        expect(each.page).to_have_title("● Notifications")
        each.expect_toast("critical", "Something critical")
    page, other = both
    other.page.get_by_label("Resolve Something critical").click()
    for each in both:
        each.expect_open_alerts("Something medium", "Something low")
        expect(each.page.locator("#unresolved")).to_have_text("2")
    page.page.get_by_role("button", name="Show resolved").click()
    expect(page.page.locator(".alert[data-settled]")).to_contain_text("Something critical")


def test_all_states_of_a_run_and_the_estimated_end(page: NotificationsPage, rest: RestClient) -> None:
    page.watch("failing", "cancelled", "slow")
    for id in ["failing", "cancelled", "slow"]:
        rest.post(f"/runs/{id}/started")
        rest.post(f"/progress/{id}/start", total_steps=1_000_000)
    rest.post("/progress/slow", current_step=1)
    expect(page.run("slow").locator(".left")).to_have_text(re.compile(r"(\d+ (s|min|h|d) ?)+ left · until .+\d\d:\d\d"))
    rest.post("/runs/failing/failed", error_message="line 7: no such product", error_type="LookupError")
    page.expect_run("failing", "Failed", "LookupError: line 7: no such product")
    rest.post("/runs/cancelled/cancelled")
    page.expect_run("cancelled", "Cancelled")
    expect(page.page.locator("#runs-count")).to_have_text("1 running of 3 watched")
    page.page.get_by_label("Stop watching slow").click()
    expect(page.run("slow")).to_have_count(0)
    rest.post("/progress/slow", current_step=2)
    rest.post("/notifications", title="A marker")
    page.expect_unacknowledged("A marker")
    expect(page.run("slow")).to_have_count(0)


def test_a_new_page_shows_earlier_records(browser: Browser, site: Instance, rest: RestClient, open_page: Open) -> None:
    rest.post("/notifications", title="Of everybody")
    rest.post("/notifications", title="Of a run", session_id="import-7")
    rest.post("/alerts", severity="low", title="Of another run", session_id="import-8")
    done = rest.post("/notifications", title="Read by now")
    rest.post(f"/notifications/{done['id']}/acknowledge")
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    page.expect_unacknowledged("Of everybody")
    expect(page.page.locator(".notification[data-settled]")).to_contain_text("Read by now")
    page.expect_open_alerts()
    page.page.get_by_role("button", name="Watch import-7").click()
    page.expect_unacknowledged("Of a run", "Of everybody")
    page.page.get_by_role("button", name="Watch import-8").click()
    page.expect_open_alerts("Of another run")
    expect(page.page.locator("#other-runs")).to_be_hidden()
    expect(page.page.locator(".toast")).to_have_count(0)  # toasts are for new records only


def test_hostile_text_stays_text(page: NotificationsPage, rest: RestClient) -> None:
    page.watch("run")
    rest.post("/runs/run/started")
    rest.post("/progress/run/start", total_steps=2, step_name=HOSTILE)
    rest.post("/notifications", title=HOSTILE, message=HOSTILE, metadata={"run": HOSTILE})
    rest.post("/alerts", severity="critical", title=HOSTILE, description=HOSTILE)
    page.expect_unacknowledged(HOSTILE)
    page.expect_open_alerts(HOSTILE)
    page.expect_run("run", "Running", HOSTILE)
    page.expect_toast("critical", HOSTILE)
    rest.post("/runs/run/failed", error_message=HOSTILE, error_type=HOSTILE)
    page.expect_run("run", "Failed", f"{HOSTILE}: {HOSTILE}")
    page.page.goto(page.page.url.split("#")[0] + "#" + HOSTILE)  # not a valid run id
    rest.post("/notifications", title="A marker")
    page.expect_unacknowledged("A marker", HOSTILE)
    page.expect_no_injection()


def test_the_page_works_with_the_keyboard(page: NotificationsPage, rest: RestClient) -> None:
    for title in ["One", "Two", "Three"]:
        rest.post("/notifications", title=title)
        rest.post("/alerts", severity="medium", title=title)
    page.expect_unacknowledged("Three", "Two", "One")
    page.expect_open_alerts("Three", "Two", "One")
    keys = page.page.keyboard
    page.page.get_by_role("button", name="Acknowledge all").focus()
    keys.press("Tab")
    for left in [["Two", "One"], ["One"]]:
        keys.press("Enter")
        page.expect_unacknowledged(*left)
        expect(page.page.get_by_label(f"Acknowledge {left[0]}", exact=True)).to_be_focused()
    page.page.get_by_role("button", name="Show resolved").focus()
    keys.press("Tab")
    keys.press("Enter")
    page.expect_open_alerts("Two", "One")
    expect(page.page.get_by_label("Resolve Two")).to_be_focused()


def test_another_browser_shows_a_demonstration(
    page: NotificationsPage, other_browser: Browser, site: Instance, open_page: Open
) -> None:
    other: NotificationsPage = open_page(other_browser, f"{site.http}/notifications", NotificationsPage)
    page.page.get_by_role("button", name="Start a run").click()
    other.page.get_by_role("button", name=re.compile("^Watch .+-...$")).first.click()
    for each in [page, other]:
        expect(each.page.locator(".run .step")).to_have_text(re.compile(r"^\d+ of 24 · "))  # they go on meanwhile
    run = page.page.locator(".run").get_attribute("data-key")
    page.page.goto("about:blank")  # the page that runs it reports the cancellation while it closes
    other.expect_run(str(run), "Cancelled")


def test_a_demonstration_runs_to_its_end(browser: Browser, site: Instance, open_page: Open) -> None:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    page.page.clock.install()
    page.page.get_by_role("button", name="Start a failing run").click()
    page.page.get_by_role("button", name="Start a run").click()
    ended = page.page.locator(".run:is([data-state=failed], [data-state=completed])")
    for _ in range(1_000):
        page.page.clock.run_for(500)
        if ended.count() == 2:
            break
    expect(page.page.locator(".run .tag")).to_have_text(["Failed", "Completed"])
    expect(page.page.locator(".alert strong")).to_contain_text("has failed")


@pytest.mark.parametrize("size", VIEWPORTS)
def test_screenshots(browser: Browser, site: Instance, rest: RestClient, open_page: Open, size: str) -> None:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage, **VIEWPORTS[size])
    page.screenshot(f"{size}-empty")
    page.watch("nightly-import", "price-update", "photo-archive", "stock-count")
    for run, steps in {"nightly-import": 24, "price-update": 8, "photo-archive": 8}.items():
        rest.post(f"/runs/{run}/started")
        rest.post(f"/progress/{run}/start", total_steps=steps, step_name="Opening the archive")
    rest.post("/progress/photo-archive", current_step=5, step_name="Reading customers")
    error = {"error_message": "the archive ends in the middle of step 6", "error_type": "UnexpectedEnd"}
    rest.post("/runs/photo-archive/failed", **error)
    rest.post("/runs/stock-count/started")
    rest.post("/runs/stock-count/completed", results={"orders": 12_480, "skipped": 3})
    read = rest.post("/notifications", title="Backup is on its way", message="To the second site.")
    rest.post(f"/notifications/{read['id']}/acknowledge")
    rest.post("/notifications", title="12,480 orders read", type="success", session_id="stock-count")
    unread = "The price list of Marlow & Sons is not readable"
    rest.post(
        "/notifications",
        title=unread,
        message="It ends after 12 of 340 lines. Yesterday's stays in force.",
        type="error",
    )
    rest.post(
        "/notifications", title="Two addresses could not be matched", message="Orders 7714 and 7719.", type="warning"
    )
    rest.post("/notifications", title="returns-2026 has started", message="40 steps.", metadata={"run": "returns-2026"})
    rest.post("/alerts", severity="low", title="Certificate expires in 20 days", description="shop.example")
    rest.post("/alerts", severity="high", title="photo-archive has failed", session_id="photo-archive")
    rest.post("/alerts", severity="critical", title="Disk full", description="/var on db-2 has 12 MB left")
    expect(page.page.locator(".toast")).to_have_count(4)
    expect(page.page.locator("#unresolved")).to_have_text("3")
    rest.post("/progress/nightly-import", current_step=7, step_name="Copying photographs")
    page.expect_run("nightly-import", "Running", "7 of 24")
    for scheme in ["light", "dark"]:
        page.finish_flashes()
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(f"{size}-{scheme}")
    assert page.fits_width()
