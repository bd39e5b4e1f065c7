"""The orders of examples/, tested with the kit."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from examples.orders import channels, database, orders
from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.asyncapi.document import document_of
from pattern_stack.outbox import Outbox
from pattern_stack.testing import BroadcastLog, subscribe
from pattern_stack.types.typescript import typescript_of

ORDER = {"id": "0" * 32, "customer": "Ann", "item": "Lamp", "quantity": 2}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}")
    monkeypatch.setattr(database, "engine", engine)
    monkeypatch.setattr(orders, "sessions", async_sessionmaker(engine, expire_on_commit=False))
    broadcast = WebSocketBroadcastBackend()
    channels.declare(broadcast)
    app = FastAPI()
    app.include_router(broadcast.get_router())
    app.include_router(orders.router)
    app.state.outbox = Outbox(broadcast, engine)
    app.include_router(app.state.outbox.get_router())
    return app


def test_each_change_is_told_once_it_is_committed(app: FastAPI, broadcast_log: BroadcastLog) -> None:
    with TestClient(app) as http, subscribe(http, "orders") as events:
        assert http.post("/api/orders", json=ORDER, headers={"X-Origin": "me"}).status_code == 201
        event = events.next("created", timeout=10)
        assert (event.payload, event.origin) == ({"entity_id": ORDER["id"]}, "me")
        assert [order["id"] for order in http.get("/api/orders").json()] == [ORDER["id"]]

        assert http.patch(f"/api/orders/{ORDER['id']}", json={"status": "shipped"}).status_code == 200
        assert events.next("updated", timeout=10).payload == {"entity_id": ORDER["id"]}
    broadcast_log.assert_published("orders", "created", times=1, entity_id=ORDER["id"])
    broadcast_log.assert_published("orders", "updated", times=1)


def test_what_is_refused_is_not_told(app: FastAPI, broadcast_log: BroadcastLog) -> None:
    with TestClient(app) as http:
        assert http.post("/api/orders", json={**ORDER, "quantity": 99}).status_code == 409
        assert http.delete(f"/api/orders/{ORDER['id']}").status_code == 404
    broadcast_log.assert_nothing_published()


def test_the_page_is_compiled_with_the_types_that_are_declared() -> None:
    """Where this fails on purpose: the README of the example has the command."""
    broadcast = WebSocketBroadcastBackend(bridge=None)
    channels.declare(broadcast)
    written = typescript_of(document_of(broadcast._channels, title="", version=""))
    assert written == Path(orders.__file__).with_name("page").joinpath("src", "channels.ts").read_text()
