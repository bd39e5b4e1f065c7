"""The example's page as its user sees it, and another client of its server."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import APIResponse, BrowserContext, Locator, Page, Request, Response, Route, expect

from tests.support.browser import ARTIFACTS
from tests.support.patience import PATIENCE

PATH = "/api/orders"
_JUST_NOW = 0.1
"""Where events cross a bridge, the first subscriber of an instance is told how long it has followed the channel itself."""
expect.set_options(timeout=1_000 * PATIENCE)


class OrdersPage:
    """An open page that is connected and subscribed."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.reads = 0
        self.faults: list[str] = []
        self._reads_at_first: int | None = None
        """Known when it is on its channel."""
        self.page.on("requestfinished", self._count)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._look))
        self.page.on("response", self._look_for_stream)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(url)
        self.expect_state("Live")
        self.wait_until(lambda: self.reads == self._reads_at_first, "it has not read the orders, or is on no channel")

    def row(self, customer: str) -> Locator:
        return self.page.get_by_role("listitem").filter(has_text=customer)

    def status(self, customer: str) -> Locator:
        return self.page.get_by_label(f"Status of {customer}")

    def add(self, customer: str, quantity: int = 1) -> None:
        self.page.get_by_label("Customer").fill(customer)
        self.page.get_by_label("Item").fill("House blend, 1 kg")
        self.page.get_by_label("Quantity").fill(str(quantity))
        self.page.get_by_role("button", name="Add order").click()

    def delete(self, customer: str) -> None:
        self.page.get_by_label(f"Delete {customer}").click()

    def expect_state(self, text: str) -> None:
        """Wait until the page shows this connection state."""
        expect(self.page.get_by_role("status")).to_have_text(text)

    def expect_orders(self, *customers: str) -> None:
        """Wait until exactly these are shown, all confirmed by the server."""
        expect(self.page.locator(".customer")).to_have_text(list(customers))
        expect(self.page.locator("[data-pending]")).to_have_count(0)

    def expect_toast(self, text: str) -> None:
        """Wait for the toast, and dismiss it."""
        toast = self.toast(text)
        self.screenshot("toast")
        toast.get_by_role("button").click()
        expect(toast).to_have_count(0)

    def toast(self, text: str) -> Locator:
        """The toast, once it is fully visible."""
        toast = self.page.get_by_role("alert").filter(has_text=text)
        expect(toast).to_have_css("opacity", "1")
        return toast

    def screenshot(self, name: str) -> None:
        self.page.screenshot(path=ARTIFACTS / f"orders-{name}.png", full_page=True)

    def wait_until(self, condition: Callable[[], bool], message: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, message
            self.page.wait_for_timeout(10)  # Playwright delivers events meanwhile

    @contextmanager
    def hold_request(self, method: str, *, then: Callable[[Route], None] = Route.continue_) -> Iterator[None]:
        """Hold the page's next request of this method back until the block ends. Fails if there is none."""
        with self._hold(method) as held:
            yield
            self.wait_until(lambda: bool(held), f"there was no {method} request")
            then(held[0])

    @contextmanager
    def hold_response(self, method: str) -> Iterator[Callable[[], None]]:
        """Let the server process the page's next request of this method, and hold the response back until the block ends.
        Yields a function that waits until the server has answered."""
        answers: list[APIResponse] = []
        with self._hold(method) as held:

            def answered() -> None:
                self.wait_until(lambda: bool(held), f"there was no {method} request")
                answers.append(held[0].fetch())

            yield answered
            held[0].fulfill(response=answers[0])

    @contextmanager
    def _hold(self, method: str) -> Iterator[list[Route]]:
        held: list[Route] = []

        def hold(route: Route) -> None:
            if route.request.method == method and not held:
                held.append(route)
            else:
                route.continue_()

        self.page.route(f"**{PATH}**", hold)
        yield held
        self.page.unroute(f"**{PATH}**", hold)

    def _look(self, frame: str | bytes) -> None:
        """It reads again once it is on its channel, unless it was told that nothing happened since its first read began."""
        place = json.loads(frame).get("subscribed", {}).get("orders")
        if place and self._reads_at_first is None:
            self._reads_at_first = 1 if place["quiet"] > _JUST_NOW else 2

    def _look_for_stream(self, response: Response) -> None:
        """The server answers when the client is on the channel. How quiet that was is told over sockets alone."""
        if response.status == 200 and "/sse/" in response.url and "channel=" in response.url:
            self._reads_at_first = 2

    def _count(self, request: Request) -> None:
        self.reads += request.method == "GET" and urlsplit(request.url).path == PATH


class OtherClient:
    """Another user's changes, made over REST without a page."""

    def __init__(self, url: str) -> None:
        self._url = url + PATH

    def add(self, customer: str, quantity: int = 1) -> str:
        order = {"customer": customer, "item": "Decaf, 500 g", "quantity": quantity}
        added = httpx2.post(self._url, json={"id": uuid.uuid4().hex, **order}).raise_for_status().json()
        return str(added["id"])

    def change(self, id: str, status: str) -> None:
        httpx2.patch(f"{self._url}/{id}", json={"status": status}).raise_for_status()

    def orders(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = httpx2.get(self._url).raise_for_status().json()
        return orders
