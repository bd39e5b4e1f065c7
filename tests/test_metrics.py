"""The meters agree to the unit with what clients see, and /metrics shows them."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from pattern_stack import Channel, Forbidden, History, Limits, WebSocketBroadcastBackend
from pattern_stack import metrics as metrics_page
from pattern_stack.app import create_app
from pattern_stack.settings import Settings
from tests.contract.drill import Instance
from tests.support.client import client
from tests.support.meters import Meters
from tests.support.process import ROOT
from tests.support.raw import Raw
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving, serving_backend, until

NAMES = {
    *("connections", "subscriptions", "channels", "outbox_bytes_max", "outbox_rows_waiting", "link_up"),
    *("events_published_total", "events_delivered_total", "delivered_bytes_total", "recoveries_total", "resets_total"),
    *("closes_total", "frames_refused_total", "slow_consumers_total", "link_breaks_total", "publish_to_write_seconds"),
}


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.mark.lanes("slow", "fast", "direct")
async def test_events_subscriptions_and_bytes(meters: Meters) -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with client(server.url) as one, client(server.url) as two, client(server.url) as three:
            for each in (one, two):
                await each.subscribe("a", "b")
            await three.subscribe("b")
            for n in range(10):
                await backend.broadcast("a", "x", {"n": n})
            await backend.broadcast_many([("b", "x", {"n": n}) for n in range(5)])
            await backend.broadcast("nobody", "x", {})
            backend.broadcast_soon("nobody", "x", {})
            first = await backend.broadcast("a", "x", {}, key="k")
            assert await backend.broadcast("a", "x", {}, key="k") == first  # no second event
            await backend.broadcast("a", "cursor", {}, ephemeral=True)
            got = [*await one.take(17), *await two.take(17), *await three.take(5)]
            size = sum(len(json.dumps(event, separators=(",", ":"))) for event in got)
            read = await server.acall(meters.read)  # what was written is counted in the same turn of its loop
            assert read["connections"] >= 3
            assert read["events_published_total"] == 18  # the ephemeral one has no place
            assert read["events_delivered_total"] == 39
            assert read["delivered_bytes_total"] == size
            assert read["publish_to_write_seconds"] > 0
            instance = backend._instance
            assert (instance.hub.subscriptions, instance.hub.subscribed_channels) == (5, 2)
        await until(server, lambda: backend.get_total_connections() == 0)
        assert (instance.hub.subscriptions, instance.hub.subscribed_channels) == (0, 0)


@pytest.mark.lanes("slow", "fast")
async def test_recoveries_resets_and_snapshots(meters: Meters) -> None:
    backend = WebSocketBroadcastBackend(history=History(events=2))

    @backend.channel("shown")
    class Shown(Channel):
        async def snapshot(self, connection: Any) -> dict[str, Any]:
            return {}

    with serving_backend(backend) as server:
        events = [await backend.broadcast("a", "x", {"n": n}) for n in range(5)]
        async with client(server.url) as one, client(server.url) as two, client(server.url) as three:
            assert (await one.subscribe("a", since={"a": events[3].position._asdict()}))["a"]["recovered"]
            await one.take(1)
            assert not (await two.subscribe("a", since={"a": events[0].position._asdict()}))["a"]["recovered"]
            assert "reset" in await two.receive()
            await three.subscribe("shown")
            await three.take(1)
            read = await server.acall(meters.read)
    assert read["recoveries_total{recovered}"] == 1
    assert read["recoveries_total{reset}"] == 1
    assert read["resets_total{history}"] == 1
    assert read["events_delivered_total"] == 1  # the snapshot is none


@pytest.mark.lanes("slow", "fast", "direct")
async def test_each_connection_is_closed_once_and_each_error_frame_counted(meters: Meters) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=10_000))

    @backend.channel("closed:{name}")
    class Closed(Channel):
        async def authorize(self, connection: Any, name: str) -> None:
            raise Forbidden("no")

    with serving_backend(backend, authenticate=lambda user="ann": user) as server:
        async with client(server.url) as one:
            assert "error" in await one.ask({"subscribe": ["closed:1"]})
            assert "error" in await one.ask({"subscribe": ["closed:2"]})
            assert "error" in await one.ask({"subscribe": 5})
            await one.socket.close(3001, "mine")
            await one.closed()
        async with client(server.url) as one:
            await one.ask({"ping": 1})
            await backend.disconnect("ann")
            assert (await one.closed())[0] == 4403
        async with client(server.url) as one:
            one.cut()
        await until(server, lambda: backend.get_total_connections() == 0)
        read = meters.read()
    assert read["closes_total{3001}"] == 1
    assert read["closes_total{4403}"] == 1
    assert sum(value for name, value in read.items() if name.startswith("closes_total")) == 3
    assert read["frames_refused_total{forbidden}"] == 2
    assert read["frames_refused_total{invalid_message}"] == 1


async def test_a_slow_consumer(meters: Meters) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=10_000))
    with serving_backend(backend) as server:
        raw = Raw(server.port, receive_buffer=4_096)
        raw.text({"subscribe": ["a"]})
        await until(server, lambda: backend.get_subscriber_count("a") == 1)
        while backend.get_total_connections():
            await backend.broadcast("a", "x", {"x": "x" * 100_000})
        read = meters.read()
        assert read["slow_consumers_total"] == 1
        assert read["closes_total{4408}"] == 1
        raw.socket.close()


@pytest.mark.redis
async def test_a_bridge_and_its_breaks(meters: Meters, redis_server: RedisServer) -> None:
    async with Instance(redis_server.url) as one, client(one.server.url) as watching:
        await one.until_ready_says(200)
        await watching.subscribe("a")
        await one.backend.broadcast("a", "x", {})
        await watching.event()
        assert meters.read()["link_up"] == 1
        for _ in range(2):
            redis_server.kill()
            await one.until_ready_says(503)
            assert meters.read()["link_up"] == 0
            redis_server.start()
            await one.until_ready_says(200)
        await watching.until(lambda message: "reset" in message)
        read = await one.server.acall(meters.read)
    assert read["link_up"] == 1
    assert read["link_breaks_total"] == 2
    assert read["events_published_total"] >= 1  # the features of the application publish too
    assert read["events_delivered_total"] >= 1
    assert read["resets_total{store}"] >= 1


def page(server: Server) -> httpx2.Response:
    return httpx2.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False)


def app(tmp_path: Path) -> FastAPI:
    return create_app(Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/projects.db"))


async def test_the_page_shows_every_meter(tmp_path: Path) -> None:
    one = app(tmp_path)
    with serving(one) as server:
        async with client(server.url) as watching:
            await watching.subscribe("orders")
            await one.state.broadcast.broadcast("orders", "x", {})
            await watching.event()
            assert "error" in await watching.ask({"subscribe": 5})
            await watching.subscribe("orders2", since={"orders2": {"epoch": "x", "offset": 1}})
        answer = page(server)
    assert answer.headers["content-type"].startswith("text/plain")
    shown = set(re.findall(r"^# TYPE pattern_stack_(\w+)", answer.text, re.MULTILINE))
    counters = {name.removesuffix("_total") for name in shown}
    assert {name.removesuffix("_total") for name in NAMES} - counters <= {"link_up"}  # there is no bridge
    assert re.search(r"^pattern_stack_connections \d", answer.text, re.MULTILINE)
    assert re.search(r'^pattern_stack_closes_total\{code="\d+"\} \d', answer.text, re.MULTILINE)
    assert "orders" not in answer.text


def test_without_the_extra_there_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page, "CollectorRegistry", None)
    with serving(app(tmp_path)) as server:
        assert page(server).status_code == 404


def test_the_dashboard_and_the_page_in_docs_name_every_meter_and_no_other() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    queries = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    named = {name.removesuffix("_bucket") for name in re.findall(r"pattern_stack_(\w+)", queries)}
    assert named == NAMES
    text = (ROOT / "docs" / "observability.md").read_text()
    assert set(re.findall(r"^\| `pattern_stack_(\w+)", text, re.MULTILINE)) == NAMES
