"""The page of channels and events, in a real browser."""

from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, expect

from tests.support.instances import instances


def test_it_shows_what_is_declared_finds_it_and_tries_it(browser: Browser) -> None:
    with instances(1, "tests.types.shop:app") as (site,):
        page = browser.new_page()
        asked: list[str] = []
        errors: list[object] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{site.http}/api/asyncapi")
        expect(page).to_have_title("Shop: channels and events")
        panels = page.locator("#channels > .panel")
        expect(panels).to_have_count(5)

        page.locator("#query").fill("last_four refund")
        expect(panels.locator("visible=true").locator("summary code:visible")).to_have_text(["cancel"])
        cancel = panels.locator("details:visible")
        cancel.locator("summary").click()
        expect(cancel).to_contain_text("Cancel an order that has not been shipped.")
        expect(cancel.locator("dt", has_text="payment.last_four")).to_be_visible()
        expect(cancel.locator("dt", has_text="refund")).to_be_visible()

        page.locator("#query").fill("")
        panels.filter(has_text="room:{room_id}").get_by_role("button", name="Try").click()
        page.keyboard.type("7")  # in place of the parameter, which is selected
        page.keyboard.press("Enter")
        expect(page.locator("#events")).to_contain_text("snapshot")
        httpx2.post(f"{site.http}/rooms/7", json={"sku": "apple", "count": 2}).raise_for_status()
        expect(page.locator("#events tr").first).to_contain_text('{"sku":"apple","count":2}')
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(site.http).netloc}
        assert errors == []
        page.screenshot(path="artifacts/asyncapi.png", full_page=True)
        page.context.close()
