"""The example in real browsers: the four scenarios of the plan, and many instances."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.conftest import APP, Open
from tests.e2e.orders import OrdersPage, Stranger
from tests.support.balancer import Balancer
from tests.support.instances import Instance, instances
from tests.support.redis.server import RedisServer


@pytest.fixture
def page(browser: Browser, server: Instance, open_page: Open) -> OrdersPage:
    return open_page(browser, server.http)


@pytest.fixture
def stranger(server: Instance) -> Stranger:
    return Stranger(server.http)


def test_a_change_is_shown_before_the_server_has_it(page: OrdersPage, stranger: Stranger) -> None:
    page.shot("empty")
    with page.unasked("POST"):
        page.add("Ann")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
        assert stranger.orders() == []
    page.shows("Ann")
    expect(page.row("Ann").locator(".number")).to_have_text("1")

    with page.unasked("PATCH"):
        page.status("Ann").select_option("packed")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
        expect(page.status("Ann")).to_have_value("packed")
    page.shows("Ann")
    expect(page.status("Ann")).to_have_value("packed")
    assert [order["status"] for order in stranger.orders()] == ["packed"]

    with page.unasked("DELETE"):
        page.delete("Ann")
        expect(page.row("Ann")).to_have_count(0)
        assert len(stranger.orders()) == 1
    page.until(lambda: stranger.orders() == [], "it was not deleted")


def test_ones_own_changes_fetch_nothing(page: OrdersPage, stranger: Stranger) -> None:
    page.add("Ann")
    page.shows("Ann")
    with page.unasked("PATCH"):
        page.status("Ann").select_option("packed")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
    page.shows("Ann")
    expect(page.row("Ann").locator(".flash")).to_have_count(0)
    stranger.add("Bob")
    page.shows("Bob", "Ann")
    expect(page.row("Bob").locator(".flash")).to_have_count(1)
    assert page.reads == 3


def test_what_the_server_refuses_is_taken_back_and_nothing_else(page: OrdersPage, stranger: Stranger) -> None:
    stranger.change(stranger.add("Ann"), "shipped")
    page.shows("Ann")
    with page.unasked("POST"):
        page.add("Bob", quantity=21)
        expect(page.row("Bob")).to_be_visible()
        stranger.add("Cy")
        expect(page.row("Cy")).to_be_visible()
        expect(page.row("Bob")).to_be_visible()
    page.shows("Cy", "Ann")
    page.says("Only 20 of these are in stock.")

    with page.unasked("PATCH"):
        page.status("Ann").select_option("new")
        expect(page.status("Ann")).to_have_value("new")
    expect(page.status("Ann")).to_have_value("shipped")
    page.says("A shipped order stays as it is.")

    with page.unasked("DELETE"):
        page.delete("Ann")
        expect(page.row("Ann")).to_have_count(0)
    page.shows("Cy", "Ann")
    page.says("A shipped order stays as it is.")


def test_what_does_not_reach_the_server_is_taken_back(page: OrdersPage, stranger: Stranger) -> None:
    with page.unasked("POST", then=Route.abort):
        page.add("Ann")
        expect(page.row("Ann")).to_be_visible()
    page.shows()
    page.says("The server cannot be reached.")
    assert stranger.orders() == []


def test_a_read_from_before_a_change_does_not_undo_it(page: OrdersPage, stranger: Stranger) -> None:
    with page.unanswered("GET") as answered:
        stranger.add("Bob")
        answered()
        page.add("Ann")
        page.until(lambda: len(stranger.orders()) == 2, "it was not added")
    page.shows("Ann", "Bob")


def test_an_order_that_is_read_before_its_answer_is_there_once(page: OrdersPage, stranger: Stranger) -> None:
    with page.unanswered("POST") as answered:
        page.add("Ann")
        answered()
        stranger.add("Bob")
        expect(page.row("Bob")).to_be_visible()
        page.shows("Bob", "Ann")
    page.shows("Bob", "Ann")


def test_a_late_answer_does_not_undo_what_others_did_since(page: OrdersPage, stranger: Stranger) -> None:
    ann = stranger.add("Ann")
    page.shows("Ann")
    reads = page.reads
    with page.unanswered("PATCH") as answered:
        page.status("Ann").select_option("packed")
        answered()
        stranger.change(ann, "shipped")
        page.until(lambda: page.reads > reads, "it did not hear of it")
    page.shows("Ann")
    expect(page.status("Ann")).to_have_value("shipped")


def test_a_toast_goes_by_itself(page: OrdersPage) -> None:
    page.add("Ann", quantity=21)
    toast = page.toast("Only 20 of these are in stock.")
    page.page.emulate_media(reduced_motion="no-preference")
    page.page.evaluate("for (const one of document.getAnimations()) if (one.animationName === 'leave') one.finish()")
    expect(toast).to_have_count(0)


def two_users_share(one: OrdersPage, other: OrdersPage) -> None:
    """Each sees what the other does, as it happens; a change by the other flashes."""
    one.add("Ann")
    other.shows("Ann")
    expect(other.row("Ann").locator(".flash")).to_have_count(1)
    other.shot("flash")
    other.status("Ann").select_option("packed")
    expect(one.status("Ann")).to_have_value("packed")
    expect(one.row("Ann").locator(".flash")).to_have_count(1)
    other.add("Bob")
    one.shows("Bob", "Ann")
    one.delete("Ann")
    other.shows("Bob")
    one.shows("Bob")


def test_two_browsers(page: OrdersPage, server: Instance, other_browser: Browser, open_page: Open) -> None:
    two_users_share(page, open_page(other_browser, server.http))


def test_two_tabs(page: OrdersPage, server: Instance, open_page: Open) -> None:
    tab = open_page(page, server.http)
    with page.unasked("POST"):
        page.add("Ann")
        expect(tab.row("Ann")).to_have_attribute("data-pending", "true")
        tab.shot("other-tab")
    tab.shows("Ann")
    with page.unasked("POST"):
        page.add("Bob", quantity=21)
        expect(tab.row("Bob")).to_be_visible()
    tab.shows("Ann")
    page.shows("Ann")


def test_a_server_that_was_killed_and_is_back(page: OrdersPage, server: Instance, database: str) -> None:
    page.add("Ann")
    page.shows("Ann")
    with instances(1, APP, DATABASE_URL=database) as (elsewhere,):  # it shares the database, and no events
        server.kill()
        page.is_("Reconnecting")
        page.shot("reconnecting")
        Stranger(elsewhere.http).add("Bob")
    server.start()
    page.is_("Live")
    page.shows("Bob", "Ann")
    Stranger(server.http).add("Cy")
    page.shows("Cy", "Bob", "Ann")
    page.add("Dora")
    page.shows("Dora", "Cy", "Bob", "Ann")


def test_two_instances(
    browser: Browser, other_browser: Browser, database: str, redis_server: RedisServer, open_page: Open
) -> None:
    settings = {"DATABASE_URL": database, "BROADCAST_URL": redis_server.url}
    with instances(2, APP, **settings) as (one, two), Balancer([one.port, two.port]) as balancer:
        balancer.spare(two.port)
        here = open_page(browser, balancer.http)
        balancer.use(two.port)
        balancer.spare(one.port)
        there = open_page(other_browser, balancer.http)
        balancer.use(one.port)
        two_users_share(here, there)

        balancer.spare(two.port)
        one.kill()
        here.is_("Reconnecting")
        there.is_("Live")
        Stranger(two.http).add("Cy")
        balancer.use(two.port)
        here.is_("Live")
        here.shows("Cy", "Bob")
        expect(here.row("Cy").locator(".flash")).to_have_count(1)  # the event itself was recovered
        here.add("Dora")
        there.shows("Dora", "Cy", "Bob")


LOOKS = {
    "wide": {"viewport": {"width": 1180, "height": 820}},
    "narrow": {"viewport": {"width": 375, "height": 930}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("look", LOOKS)
def test_looks(browser: Browser, server: Instance, stranger: Stranger, open_page: Open, look: str) -> None:
    for customer, status in {"Blue Door Café": "shipped", "Kiosk at the old harbour": "packed"}.items():
        stranger.change(stranger.add(customer, 2), status)
    page = open_page(browser, server.http, **LOOKS[look])
    page.add("Library, second floor", 3)
    page.delete("Blue Door Café")
    page.toast("A shipped order stays as it is.")
    for count, scheme in enumerate(["light", "dark"], start=1):
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        stranger.add("Rosa & Sons", 12)
        expect(page.row("Rosa").locator(".flash")).to_have_count(count)
        page.shot(f"{look}-{scheme}")
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
