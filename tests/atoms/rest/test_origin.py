"""Pages of other origins cannot call anything that changes something."""

import logging
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.rest import BoundedRoute, OriginRoute, add_exception_handlers, origin

FOREIGN = "https://evil.example"


class Calls:
    """An application whose calls are noted."""

    def __init__(self, route_class: type[OriginRoute]) -> None:
        self.made: list[str] = []
        self.app = FastAPI()
        add_exception_handlers(self.app)
        router = APIRouter(route_class=route_class)

        @router.api_route("/thing", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        async def call(body: dict[str, Any] | None = None) -> str:
            self.made.append("call")
            return "done"

        self.app.include_router(router, prefix="/api")

    async def ask(self, method: str, **options: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://app.example") as client:
            return await client.request(method, "/api/thing", **options)


CHANGING = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("route_class", [OriginRoute, BoundedRoute])
@pytest.mark.parametrize("method", CHANGING)
async def test_a_page_of_another_origin_is_refused_before_the_call(method: str, route_class: type[OriginRoute]) -> None:
    calls = Calls(route_class)
    answer = await calls.ask(method, headers={"Origin": FOREIGN})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert calls.made == []


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://app.example"}, {"Origin": "https://app.example"}])
@pytest.mark.parametrize("method", CHANGING)
async def test_pages_of_the_own_origin_and_clients_without_one_are_served(method: str, headers: dict[str, str]) -> None:
    assert (await Calls(BoundedRoute).ask(method, headers=headers)).json() == "done"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_calls_are_not_checked(method: str) -> None:
    """The browser keeps the answer from a page of another origin, unless CORS headers allow it."""
    assert (await Calls(BoundedRoute).ask(method, headers={"Origin": FOREIGN})).status_code == 200


@pytest.mark.parametrize("value", ["null", "", "http://app.example:8080", "http://app.example.evil.example"])
async def test_an_origin_that_is_not_the_host_is_refused(value: str) -> None:
    assert (await Calls(BoundedRoute).ask("POST", headers={"Origin": value})).status_code == 403


async def test_two_origin_headers_are_refused() -> None:
    answer = await Calls(BoundedRoute).ask("POST", headers=[("Origin", "http://app.example"), ("Origin", FOREIGN)])
    assert answer.status_code == 403


@pytest.mark.parametrize("route_class", [OriginRoute, BoundedRoute])
async def test_only_listed_origins_are_served(route_class: type[OriginRoute]) -> None:
    calls = Calls(route_class.listing([FOREIGN]))
    assert (await calls.ask("POST", headers={"Origin": FOREIGN})).json() == "done"
    assert (await calls.ask("POST", headers={"Origin": "https://other.example"})).status_code == 403
    assert (await Calls(route_class).ask("POST", headers={"Origin": FOREIGN})).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
async def test_json_without_its_content_type_is_not_read(headers: dict[str, str]) -> None:
    """A page can send it without a preflight, and an old browser without an Origin."""
    calls = Calls(BoundedRoute)
    assert (await calls.ask("POST", content=b'{"x": 1}', headers=headers)).status_code == 422
    assert calls.made == []


async def test_a_refusal_is_logged_with_the_setting_that_allows_the_origin(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "_log", LogEvery(logging.getLogger("refused")))
    await Calls(BoundedRoute).ask("POST", headers={"Origin": FOREIGN})
    (record,) = caplog.records
    for part in (FOREIGN, "app.example", "origins=", "PATTERN_STACK_ORIGINS"):
        assert part in record.getMessage()
