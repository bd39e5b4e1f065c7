"""The HTTP calls of the test server."""

from typing import Any

import httpx2
import pytest

import test_server
from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.settings import Settings
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.server import serving


async def test_publish_and_stats() -> None:
    with serving(test_server.app) as server:
        async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http, client(server.url) as one:
            await one.subscribe("orders", "contacts")
            assert (await http.get("/test/stats")).json() == {
                "connections": 1,
                "channels": {"notifications": 1, "orders": 1, "contacts": 1},
            }
            for name in ("event", "event_type"):
                answer = (
                    await http.post("/test/broadcast", json={"channel": "orders", name: "x", "payload": {}})
                ).json()
                event = await one.event()
                assert answer == {"status": "broadcasted", "epoch": answer["epoch"], "offset": event["offset"]}
                assert event["event"] == "x"
            await one.ask({"unsubscribe": ["contacts"]})
            channels = {"notifications": 1, "orders": 1}
            assert (await http.get("/test/stats")).json() == {"connections": 1, "channels": channels}
            assert (await http.get("/health")).json() == {"status": "ok"}
            assert (await http.get("/ready")).status_code == 200
            assert "<title>" in (await http.get("/")).text
            await one.nothing_more()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"channel": "orders"}, "VALIDATION_ERROR"),
        ({"channel": "orders", "event": "x", "payload": []}, "VALIDATION_ERROR"),
        ({"channel": "a b", "event": "x", "payload": {}}, "INVALID_CHANNEL"),
        ({"channel": "a", "event": "", "payload": {}}, "INVALID_EVENT"),
        ({"channel": "a", "event": "x", "payload": {"x": "y" * 2_000_000}}, "INVALID_EVENT"),
        ({"channel": "a", "event": "x", "payload": {"x": 2**80}}, "INVALID_EVENT"),
    ],
)
async def test_what_can_never_work_is_4xx(body: dict[str, Any], code: str) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(test_server.app), base_url="http://test") as http:
        answer = await http.post("/test/broadcast", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
        assert answer.json()["error"]["message"]


async def test_errors_of_the_framework_have_the_same_form() -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app()), base_url="http://test") as http:
        for method, path, status, code in [
            ("GET", "/nowhere", 404, "NOT_FOUND"),
            ("PUT", "/health", 405, "METHOD_NOT_ALLOWED"),
        ]:
            answer = await http.request(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_an_instance_on_its_way_out_is_not_ready_and_says_503() -> None:
    app = create_app()
    backend: WebSocketBroadcastBackend = app.state.broadcast

    @app.post("/publish")
    async def publish() -> None:
        await backend.broadcast("a", "x", {})

    await backend.close()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        assert (await http.get("/ready")).status_code == 503
        answer = await http.post("/publish")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "BROADCAST_UNAVAILABLE")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADCAST_URL", "nats://elsewhere")
    monkeypatch.setenv("PATTERN_STACK_ORIGINS", '["https://app.example"]')
    assert Settings().origins == ["https://app.example"]
    with pytest.raises(ValueError, match="nats"):
        create_app()


async def test_origins_reach_the_endpoint() -> None:
    with serving(create_app(Settings(origins=["https://app.example"]))) as server:
        async with client(server.url, origin="https://app.example") as one:
            await one.subscribe("a")
        async with client(server.url, origin="https://evil.example") as one:
            assert (await one.closed())[0] == 1008
