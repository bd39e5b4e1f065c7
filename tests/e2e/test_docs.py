"""The page of REST calls, in a real browser."""

from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, expect

from tests.support.instances import Instance


def test_it_shows_every_call_and_loads_nothing_from_elsewhere(browser: Browser, site: Instance) -> None:
    described = httpx2.get(f"{site.http}/openapi.json").json()["paths"]
    page = browser.new_page()
    asked: list[str] = []
    errors: list[object] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{site.http}/docs")
    calls = page.locator("details")
    expect(calls).to_have_count(sum(len(methods) for methods in described.values()))
    alerts = calls.filter(has=page.locator("summary", has_text="Create Alert"))
    alerts.locator("summary").click()
    expect(alerts).to_contain_text('"title": "Disk full"')
    expect(alerts).to_contain_text("VALIDATION_ERROR")
    listed = calls.filter(has=page.locator("summary", has_text="List Notifications"))
    listed.locator("summary").click()
    expect(listed).to_contain_text("in query, integer: the most records to answer")
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(site.http).netloc}
    assert errors == []
    page.context.close()
