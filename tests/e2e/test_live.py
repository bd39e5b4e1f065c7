"""The test server's page, in real browsers."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Open
from tests.e2e.live import HOSTILE, LivePage
from tests.support.instances import Instance


@pytest.fixture
def page(browser: Browser, site: Instance, open_page: Open) -> LivePage:
    page: LivePage = open_page(browser, site.http, LivePage)
    return page


def publish(page: LivePage, channel: str, event: str, payload: str) -> None:
    form = page.page.locator("#publish")
    for label, text in {"Channel": channel, "Event": event, "Payload": payload}.items():
        form.get_by_label(label).fill(text)
    form.get_by_role("button").click()


def test_two_browsers_show_the_events_of_their_channels(
    page: LivePage, other_browser: Browser, site: Instance, open_page: Open
) -> None:
    other: LivePage = open_page(other_browser, site.http, LivePage)
    expect(page.page.locator("#channels")).to_contain_text("2 subscribed")
    publish(page, "orders", "created", '{"entity_id": "1"}')
    for each in [page, other]:
        expect(each.page.locator("#events tr td").nth(4)).to_have_text('{"entity_id":"1"}')
    page.screenshot("wide")
    other.page.get_by_label("channel to subscribe to").fill("contacts")
    other.page.get_by_role("button", name="Subscribe", exact=True).click()
    other.page.get_by_label("unsubscribe from orders").click()
    expect(page.page.locator("#channels")).to_contain_text("1 subscribed")
    publish(page, "orders", "created", '{"entity_id": "2"}')
    publish(page, "contacts", "created", '{"entity_id": "3"}')
    expect(page.page.locator("#result")).to_contain_text("not subscribed to contacts")
    expect(other.page.locator("#events tr:first-child")).to_contain_text('{"entity_id":"3"}')
    expect(other.page.locator("#events tr")).to_have_count(2)


def test_a_killed_and_restarted_server_is_reconnected_to(page: LivePage, site: Instance) -> None:
    publish(page, "orders", "created", "{}")
    site.kill()
    page.expect_state("Reconnecting")
    publish(page, "orders", "created", "{}")
    expect(page.page.locator("#result")).to_have_text("The server cannot be reached.")
    site.start()
    page.expect_state("Live")
    expect(page.page.locator("#events .note")).to_contain_text("events were missed")
    publish(page, "orders", "deleted", "{}")
    expect(page.page.locator("#events tr:first-child")).to_contain_text("deleted")


def test_hostile_text_stays_text_and_refusals_are_shown(page: LivePage) -> None:
    publish(page, "orders", HOSTILE[:15], f'{{"name": "{HOSTILE}"}}')
    expect(page.page.locator("#events tr")).to_contain_text(HOSTILE)
    publish(page, "orders", "created", "{")
    expect(page.page.locator("#result")).to_contain_text("JSON")
    page.page.get_by_label("channel to subscribe to").fill("notifications:/")
    page.page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.page.locator("#refused")).to_contain_text("not_found")
    page.expect_no_injection()


def test_a_narrow_screen_needs_no_horizontal_scrolling(browser: Browser, site: Instance, open_page: Open) -> None:
    page: LivePage = open_page(
        browser, site.http, LivePage, viewport={"width": 375, "height": 900}, color_scheme="dark"
    )
    publish(page, "orders", "created", '{"entity_id": "1"}')
    expect(page.page.locator("#events tr")).to_have_count(1)
    page.screenshot("narrow-dark")
    assert page.fits_width()
