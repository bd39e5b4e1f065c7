"""The page that operators keep open, in real browsers."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, LOOKS, Reporter
from tests.e2e.notifications import NotificationsPage
from tests.support.instances import Instance

KINDS = ["info", "success", "warning", "error", "progress"]


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> NotificationsPage:
    one: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    return one


Both = tuple[NotificationsPage, NotificationsPage]


@pytest.fixture
def both(page: NotificationsPage, other_browser: Browser, open_page: Open) -> Both:
    """In two browsers, on one run: its address names it."""
    page.watch("nightly-import")
    other: NotificationsPage = open_page(other_browser, page.page.url, NotificationsPage)
    other.shows("nightly-import", "Not begun")
    return page, other


def test_a_run_in_two_browsers(both: Both, reporter: Reporter) -> None:
    reporter.post("/runs/nightly-import/started")
    reporter.post("/progress/nightly-import/start", total_steps=8)
    for each in both:
        each.shows("nightly-import", "Running", "no estimate yet", "0 of 8")
    reporter.post("/progress/nightly-import", current_step=3, step_name="Copying photographs")
    for each in both:
        each.shows("nightly-import", "Running", "3 of 8 · Copying photographs", "37 %")
        expect(each.bar("nightly-import")).to_have_js_property("value", 37.5)
    reporter.post("/progress/nightly-import/complete")
    reporter.post("/runs/nightly-import/completed", results={"orders": 12480})
    for each in both:
        each.shows("nightly-import", "Completed", "orders 12,480", "took")
        expect(each.bar("nightly-import")).to_have_js_property("value", 100)


def test_notifications_in_two_browsers(both: Both, reporter: Reporter) -> None:
    for kind in KINDS:
        reporter.post("/notifications", type=kind, title=f"A {kind}")
    for each in both:
        each.feed(*[f"A {kind}" for kind in reversed(KINDS)])
        for kind in KINDS[1:]:  # four at a time
            each.toast(kind, f"A {kind}")
    page, other = both
    page.page.get_by_label("Acknowledge A warning").click()
    for each in both:
        each.feed("A progress", "A error", "A success", "A info")
    page.page.get_by_role("button", name="Hide acknowledged").click()
    expect(page.page.locator(".notification")).to_have_count(4)
    other.page.get_by_role("button", name="Acknowledge all").click()
    for each in both:
        each.feed()


def test_alerts_in_two_browsers(both: Both, reporter: Reporter) -> None:
    for severity in ["low", "critical", "medium"]:
        reporter.post("/alerts", severity=severity, title=f"Something {severity}", session_id="nightly-import")
    for each in both:
        each.alerts("Something critical", "Something medium", "Something low")
        expect(each.page.locator("#unresolved")).to_have_text("3")
        expect(each.page).to_have_title("● Notifications")
        each.toast("critical", "Something critical")
    page, other = both
    other.page.get_by_label("Resolve Something critical").click()
    for each in both:
        each.alerts("Something medium", "Something low")
        expect(each.page.locator("#unresolved")).to_have_text("2")
    page.page.get_by_role("button", name="Show resolved").click()
    expect(page.page.locator(".alert[data-settled]")).to_contain_text("Something critical")


def test_every_state_of_a_run_and_the_time_left(page: NotificationsPage, reporter: Reporter) -> None:
    page.watch("failing", "cancelled", "slow")
    for id in ["failing", "cancelled", "slow"]:
        reporter.post(f"/runs/{id}/started")
        reporter.post(f"/progress/{id}/start", total_steps=1_000_000)
    reporter.post("/progress/slow", current_step=1)
    expect(page.run("slow").locator(".left")).to_have_text(re.compile(r"(\d+ (s|min|h|d) ?)+ left · until .+\d\d:\d\d"))
    reporter.post("/runs/failing/failed", error_message="line 7: no such product", error_type="LookupError")
    page.shows("failing", "Failed", "LookupError: line 7: no such product")
    reporter.post("/runs/cancelled/cancelled")
    page.shows("cancelled", "Cancelled")
    expect(page.page.locator("#runs-count")).to_have_text("1 running of 3 watched")
    page.page.get_by_label("Stop watching slow").click()
    expect(page.run("slow")).to_have_count(0)
    reporter.post("/progress/slow", current_step=2)
    reporter.post("/notifications", title="A marker")
    page.feed("A marker")
    expect(page.run("slow")).to_have_count(0)


def test_what_was_there_before(browser: Browser, site: Instance, reporter: Reporter, open_page: Open) -> None:
    reporter.post("/notifications", title="Of everybody")
    reporter.post("/notifications", title="Of a run", session_id="import-7")
    reporter.post("/alerts", severity="low", title="Of another run", session_id="import-8")
    done = reporter.post("/notifications", title="Read by now")
    reporter.post(f"/notifications/{done['id']}/acknowledge")
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    page.feed("Of everybody")
    expect(page.page.locator(".notification[data-settled]")).to_contain_text("Read by now")
    page.alerts()
    page.page.get_by_role("button", name="Watch import-7").click()
    page.feed("Of a run", "Of everybody")
    page.page.get_by_role("button", name="Watch import-8").click()
    page.alerts("Of another run")
    expect(page.page.locator("#heard-of")).to_be_hidden()
    expect(page.page.locator(".toast")).to_have_count(0)  # none of it is news


def test_what_strangers_write_stays_text(page: NotificationsPage, reporter: Reporter) -> None:
    page.watch("run")
    reporter.post("/runs/run/started")
    reporter.post("/progress/run/start", total_steps=2, step_name=HOSTILE)
    reporter.post("/notifications", title=HOSTILE, message=HOSTILE, metadata={"run": HOSTILE})
    reporter.post("/alerts", severity="critical", title=HOSTILE, description=HOSTILE)
    page.feed(HOSTILE)
    page.alerts(HOSTILE)
    page.shows("run", "Running", HOSTILE)
    page.toast("critical", HOSTILE)
    reporter.post("/runs/run/failed", error_message=HOSTILE, error_type=HOSTILE)
    page.shows("run", "Failed", f"{HOSTILE}: {HOSTILE}")
    page.page.goto(page.page.url.split("#")[0] + "#" + HOSTILE)  # no name of a run
    reporter.post("/notifications", title="A marker")
    page.feed("A marker", HOSTILE)
    page.is_unharmed()


def test_by_keyboard_alone(page: NotificationsPage, reporter: Reporter) -> None:
    for title in ["One", "Two", "Three"]:
        reporter.post("/notifications", title=title)
        reporter.post("/alerts", severity="medium", title=title)
    page.feed("Three", "Two", "One")
    page.alerts("Three", "Two", "One")
    keys = page.page.keyboard
    page.page.get_by_role("button", name="Acknowledge all").focus()
    keys.press("Tab")
    for left in [["Two", "One"], ["One"]]:
        keys.press("Enter")
        page.feed(*left)
        expect(page.page.get_by_label(f"Acknowledge {left[0]}", exact=True)).to_be_focused()
    page.page.get_by_role("button", name="Show resolved").focus()
    keys.press("Tab")
    keys.press("Enter")
    page.alerts("Two", "One")
    expect(page.page.get_by_label("Resolve Two")).to_be_focused()


def test_a_demonstration_moves_in_both(
    page: NotificationsPage, other_browser: Browser, site: Instance, open_page: Open
) -> None:
    other: NotificationsPage = open_page(other_browser, f"{site.http}/notifications", NotificationsPage)
    page.page.get_by_role("button", name="Start a run").click()
    other.page.get_by_role("button", name=re.compile("^Watch .+-...$")).first.click()
    for each in [page, other]:
        expect(each.page.locator(".run .step")).to_have_text(re.compile(r"^2 of 24 · "))
    run = page.page.locator(".run").get_attribute("data-key")
    page.page.goto("about:blank")  # who started it goes: it is told, as a program would
    other.shows(str(run), "Cancelled")


def test_a_demonstration_to_its_end(browser: Browser, site: Instance, open_page: Open) -> None:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage)
    page.page.clock.install()
    page.page.get_by_role("button", name="Start one that fails").click()
    page.page.get_by_role("button", name="Start a run").click()
    ended = page.page.locator(".run:is([data-state=failed], [data-state=completed])")
    for _ in range(1_000):
        page.page.clock.run_for(500)
        if ended.count() == 2:
            break
    expect(page.page.locator(".run .tag")).to_have_text(["Failed", "Completed"])
    expect(page.page.locator(".alert strong")).to_contain_text("has failed")


@pytest.mark.parametrize("look", LOOKS)
def test_looks(browser: Browser, site: Instance, reporter: Reporter, open_page: Open, look: str) -> None:
    page: NotificationsPage = open_page(browser, f"{site.http}/notifications", NotificationsPage, **LOOKS[look])
    page.shot(f"{look}-empty")
    page.watch("nightly-import", "price-update", "photo-archive", "stock-count")
    for run, steps in {"nightly-import": 24, "price-update": 8, "photo-archive": 8}.items():
        reporter.post(f"/runs/{run}/started")
        reporter.post(f"/progress/{run}/start", total_steps=steps, step_name="Opening the archive")
    reporter.post("/progress/photo-archive", current_step=5, step_name="Reading customers")
    error = {"error_message": "the archive ends in the middle of step 6", "error_type": "UnexpectedEnd"}
    reporter.post("/runs/photo-archive/failed", **error)
    reporter.post("/runs/stock-count/started")
    reporter.post("/runs/stock-count/completed", results={"orders": 12_480, "skipped": 3})
    read = reporter.post("/notifications", title="Backup is on its way", message="To the second site.")
    reporter.post(f"/notifications/{read['id']}/acknowledge")
    reporter.post("/notifications", title="12,480 orders read", type="success", session_id="stock-count")
    unread = "The price list of Marlow & Sons is not readable"
    reporter.post(
        "/notifications",
        title=unread,
        message="It ends after 12 of 340 lines. Yesterday's stays in force.",
        type="error",
    )
    reporter.post(
        "/notifications", title="Two addresses could not be matched", message="Orders 7714 and 7719.", type="warning"
    )
    reporter.post(
        "/notifications", title="returns-2026 has started", message="40 steps.", metadata={"run": "returns-2026"}
    )
    reporter.post("/alerts", severity="low", title="Certificate expires in 20 days", description="shop.example")
    reporter.post("/alerts", severity="high", title="photo-archive has failed", session_id="photo-archive")
    reporter.post("/alerts", severity="critical", title="Disk full", description="/var on db-2 has 12 MB left")
    expect(page.page.locator(".toast")).to_have_count(4)
    expect(page.page.locator("#unresolved")).to_have_text("3")
    reporter.post("/progress/nightly-import", current_step=7, step_name="Copying photographs")
    page.shows("nightly-import", "Running", "7 of 24")
    for scheme in ["light", "dark"]:
        page.settle()
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.shot(f"{look}-{scheme}")
    assert page.fits()
