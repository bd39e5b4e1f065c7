"""The example's page as its user sees it, and its server as a stranger does."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import APIResponse, BrowserContext, Locator, Page, Request, Route, expect

from tests.support.browser import ARTIFACTS

PATH = "/api/orders"
expect.set_options(timeout=20_000)


class OrdersPage:
    """Open and on its channel: what is changed from now on, it hears of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.reads = 0
        self.faults: list[str] = []
        self.page.on("requestfinished", self._count)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(url)
        self.is_("Live")
        self.until(lambda: self.reads == 2, "it did not read again when it was on its channel")

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

    def is_(self, state: str) -> None:
        """What it says of its connection, by and by."""
        expect(self.page.get_by_role("status")).to_have_text(state)

    def shows(self, *customers: str) -> None:
        """These and no others, by and by, and nothing that the server has not confirmed."""
        expect(self.page.locator(".customer")).to_have_text(list(customers))
        expect(self.page.locator("[data-pending]")).to_have_count(0)

    def says(self, text: str) -> None:
        """In a toast, which is dismissed."""
        toast = self.toast(text)
        self.shot("toast")
        toast.get_by_role("button").click()
        expect(toast).to_have_count(0)

    def toast(self, text: str) -> Locator:
        """Once it has come up."""
        toast = self.page.get_by_role("alert").filter(has_text=text)
        expect(toast).to_have_css("opacity", "1")
        return toast

    def shot(self, name: str) -> None:
        self.page.screenshot(path=ARTIFACTS / f"orders-{name}.png", full_page=True)

    def until(self, is_it: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 20
        while not is_it():
            assert time.monotonic() < deadline, what
            self.page.wait_for_timeout(10)  # in which Playwright tells what has happened

    @contextmanager
    def unasked(self, method: str, *, then: Callable[[Route], None] = Route.continue_) -> Iterator[None]:
        """Within it, the server does not get such a request, of which there has to be one; afterwards it does."""
        with self._held(method) as held:
            yield
            self.until(lambda: bool(held), f"there was no {method}")
            then(held[0])

    @contextmanager
    def unanswered(self, method: str) -> Iterator[Callable[[], None]]:
        """The server does what the first such request asks for, and the page gets its answer afterwards. What it yields
        waits until the server has answered."""
        answers: list[APIResponse] = []
        with self._held(method) as held:

            def answered() -> None:
                self.until(lambda: bool(held), f"there was no {method}")
                answers.append(held[0].fetch())

            yield answered
            held[0].fulfill(response=answers[0])

    @contextmanager
    def _held(self, method: str) -> Iterator[list[Route]]:
        held: list[Route] = []

        def hold(route: Route) -> None:
            if route.request.method == method and not held:
                held.append(route)
            else:
                route.continue_()

        self.page.route(f"**{PATH}**", hold)
        yield held
        self.page.unroute(f"**{PATH}**", hold)

    def _count(self, request: Request) -> None:
        self.reads += request.method == "GET" and urlsplit(request.url).path == PATH


class Stranger:
    """Somebody else, who speaks to the server without a page."""

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
