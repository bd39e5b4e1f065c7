"""The orders example in real browsers: optimistic changes, refusals, two users, restarts, and two instances."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.conftest import APP, LANES, LANES_SOAK, Open
from tests.e2e.orders import OrdersPage, OtherClient
from tests.support.address import Address
from tests.support.balancer import Balancer
from tests.support.instances import Instance, instances
from tests.support.redis.server import RedisServer


@pytest.fixture
def page(browser: Browser, front: Address, open_page: Open) -> OrdersPage:
    return open_page(browser, front.http)


@pytest.fixture
def other_client(server: Instance) -> OtherClient:
    return OtherClient(server.http)


def test_a_change_is_shown_before_the_server_gets_it(page: OrdersPage, other_client: OtherClient) -> None:
    page.screenshot("empty")
    with page.hold_request("POST"):
        page.add("Ann")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
        assert other_client.orders() == []
    page.expect_orders("Ann")
    expect(page.row("Ann").locator(".number")).to_have_text("1")

    with page.hold_request("PATCH"):
        page.status("Ann").select_option("packed")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
        expect(page.status("Ann")).to_have_value("packed")
    page.expect_orders("Ann")
    expect(page.status("Ann")).to_have_value("packed")
    assert [order["status"] for order in other_client.orders()] == ["packed"]

    with page.hold_request("DELETE"):
        page.delete("Ann")
        expect(page.row("Ann")).to_have_count(0)
        assert len(other_client.orders()) == 1
    page.wait_until(lambda: other_client.orders() == [], "the order was not deleted")


def test_the_pages_own_changes_cause_no_fetch(page: OrdersPage, other_client: OtherClient) -> None:
    page.add("Ann")
    page.expect_orders("Ann")
    with page.hold_request("PATCH"):
        page.status("Ann").select_option("packed")
        expect(page.row("Ann")).to_have_attribute("data-pending", "true")
    page.expect_orders("Ann")
    expect(page.row("Ann").locator(".flash")).to_have_count(0)
    other_client.add("Bob")
    page.expect_orders("Bob", "Ann")
    expect(page.row("Bob").locator(".flash")).to_have_count(1)
    assert page.reads == 2


@LANES_SOAK
def test_a_refused_change_is_undone_and_other_changes_stay(page: OrdersPage, other_client: OtherClient) -> None:
    other_client.change(other_client.add("Ann"), "shipped")
    page.expect_orders("Ann")
    with page.hold_request("POST"):
        page.add("Bob", quantity=21)
        expect(page.row("Bob")).to_be_visible()
        other_client.add("Cy")
        expect(page.row("Cy")).to_be_visible()
        expect(page.row("Bob")).to_be_visible()
    page.expect_orders("Cy", "Ann")
    page.expect_toast("Only 20 of these are in stock.")

    with page.hold_request("PATCH"):
        page.status("Ann").select_option("new")
        expect(page.status("Ann")).to_have_value("new")
    expect(page.status("Ann")).to_have_value("shipped")
    page.expect_toast("A shipped order stays as it is.")

    with page.hold_request("DELETE"):
        page.delete("Ann")
        expect(page.row("Ann")).to_have_count(0)
    page.expect_orders("Cy", "Ann")
    page.expect_toast("A shipped order stays as it is.")


def test_a_change_that_does_not_reach_the_server_is_undone(page: OrdersPage, other_client: OtherClient) -> None:
    with page.hold_request("POST", then=Route.abort):
        page.add("Ann")
        expect(page.row("Ann")).to_be_visible()
    page.expect_orders()
    page.expect_toast("The server cannot be reached.")
    assert other_client.orders() == []


def test_a_read_that_started_before_a_change_does_not_undo_it(page: OrdersPage, other_client: OtherClient) -> None:
    with page.hold_response("GET") as answered:
        other_client.add("Bob")
        answered()
        page.add("Ann")
        page.wait_until(lambda: len(other_client.orders()) == 2, "the order was not added")
    page.expect_orders("Ann", "Bob")


def test_an_order_that_is_read_before_the_answer_is_shown_once(page: OrdersPage, other_client: OtherClient) -> None:
    with page.hold_response("POST") as answered:
        page.add("Ann")
        answered()
        other_client.add("Bob")
        expect(page.row("Bob")).to_be_visible()
        page.expect_orders("Bob", "Ann")
    page.expect_orders("Bob", "Ann")


def test_a_late_answer_does_not_undo_later_changes_of_others(page: OrdersPage, other_client: OtherClient) -> None:
    ann = other_client.add("Ann")
    page.expect_orders("Ann")
    reads = page.reads
    with page.hold_response("PATCH") as answered:
        page.status("Ann").select_option("packed")
        answered()
        other_client.change(ann, "shipped")
        page.wait_until(lambda: page.reads > reads, "the page did not read the orders again")
    page.expect_orders("Ann")
    expect(page.status("Ann")).to_have_value("shipped")


def test_a_toast_disappears_by_itself(page: OrdersPage) -> None:
    page.add("Ann", quantity=21)
    toast = page.toast("Only 20 of these are in stock.")
    page.page.emulate_media(reduced_motion="no-preference")
    page.page.evaluate("for (const one of document.getAnimations()) if (one.animationName === 'leave') one.finish()")
    expect(toast).to_have_count(0)


def expect_shared_changes(one: OrdersPage, other: OrdersPage) -> None:
    """Each page shows the other's changes, and highlights them."""
    one.add("Ann")
    other.expect_orders("Ann")
    expect(other.row("Ann").locator(".flash")).to_have_count(1)
    other.screenshot("flash")
    other.status("Ann").select_option("packed")
    expect(one.status("Ann")).to_have_value("packed")
    expect(one.row("Ann").locator(".flash")).to_have_count(1)
    other.add("Bob")
    one.expect_orders("Bob", "Ann")
    one.delete("Ann")
    other.expect_orders("Bob")
    one.expect_orders("Bob")


@LANES
def test_two_browsers_show_each_others_changes(
    page: OrdersPage, front: Address, other_browser: Browser, open_page: Open
) -> None:
    expect_shared_changes(page, open_page(other_browser, front.http))


@LANES_SOAK
def test_two_tabs_show_each_others_changes_before_the_server_gets_them(
    page: OrdersPage, front: Address, open_page: Open
) -> None:
    tab = open_page(page, front.http)
    with page.hold_request("POST"):
        page.add("Ann")
        expect(tab.row("Ann")).to_have_attribute("data-pending", "true")
        tab.screenshot("other-tab")
    tab.expect_orders("Ann")
    with page.hold_request("POST"):
        page.add("Bob", quantity=21)
        expect(tab.row("Bob")).to_be_visible()
    tab.expect_orders("Ann")
    page.expect_orders("Ann")


@LANES
def test_a_killed_and_restarted_server_is_reconnected_to(page: OrdersPage, server: Instance, database: str) -> None:
    page.add("Ann")
    page.expect_orders("Ann")
    with instances(1, APP, DATABASE_URL=database) as (elsewhere,):  # shares the database but no events
        server.kill()
        page.expect_state("Reconnecting")
        page.screenshot("reconnecting")
        OtherClient(elsewhere.http).add("Bob")
    server.start()
    page.expect_state("Live")
    page.expect_orders("Bob", "Ann")
    OtherClient(server.http).add("Cy")
    page.expect_orders("Cy", "Bob", "Ann")
    page.add("Dora")
    page.expect_orders("Dora", "Cy", "Bob", "Ann")


def test_two_instances_behind_a_balancer(
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
        expect_shared_changes(here, there)

        balancer.spare(two.port)
        one.kill()
        here.expect_state("Reconnecting")
        there.expect_state("Live")
        OtherClient(two.http).add("Cy")
        balancer.use(two.port)
        here.expect_state("Live")
        here.expect_orders("Cy", "Bob")
        expect(here.row("Cy").locator(".flash")).to_have_count(1)  # the event itself was recovered
        here.add("Dora")
        there.expect_orders("Dora", "Cy", "Bob")


VIEWPORTS = {
    "wide": {"viewport": {"width": 1180, "height": 820}},
    "narrow": {"viewport": {"width": 375, "height": 930}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("size", VIEWPORTS)
def test_screenshots(browser: Browser, server: Instance, other_client: OtherClient, open_page: Open, size: str) -> None:
    for customer, status in {"Blue Door Café": "shipped", "Kiosk at the old harbour": "packed"}.items():
        other_client.change(other_client.add(customer, 2), status)
    page = open_page(browser, server.http, **VIEWPORTS[size])
    page.add("Library, second floor", 3)
    page.delete("Blue Door Café")
    page.toast("A shipped order stays as it is.")
    for count, scheme in enumerate(["light", "dark"], start=1):
        page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        other_client.add("Rosa & Sons", 12)
        expect(page.row("Rosa").locator(".flash")).to_have_count(count)
        page.screenshot(f"{size}-{scheme}")
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
