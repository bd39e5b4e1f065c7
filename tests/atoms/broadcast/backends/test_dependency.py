"""`Broadcast` gives an endpoint the backend whose router the application included."""

from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pattern_stack import Broadcast, WebSocketBroadcastBackend


def application(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.post("/orders")
    async def create(broadcast: Broadcast) -> int:
        return (await broadcast.broadcast("orders", "created", {})).offset

    @app.post("/sync")
    def create_sync(broadcast: Broadcast) -> int:
        return broadcast.broadcast_sync("orders", "created", {}).offset

    return app


def test_async_and_sync_endpoints_get_it() -> None:
    app = application()
    backend = WebSocketBroadcastBackend()
    app.include_router(backend.get_router())
    with TestClient(app) as client, client.websocket_connect("/ws/broadcast") as socket:
        socket.send_json({"subscribe": ["orders"], "id": 1})
        socket.receive_json()
        assert (client.post("/orders").json(), client.post("/sync").json()) == (1, 2)
        assert [socket.receive_json()["offset"] for _ in range(2)] == [1, 2]


def test_the_applications_own_lifespan_goes_on() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        yield {"database": "open"}

    app = application(lifespan=lifespan)
    app.include_router(WebSocketBroadcastBackend().get_router())
    with TestClient(app) as client:
        assert client.post("/orders").json() == 1
        assert client.app_state["database"] == "open"


def test_without_a_backend_the_error_names_the_cure() -> None:
    with TestClient(application()) as client, pytest.raises(RuntimeError, match=r"include backend.get_router\(\)"):
        client.post("/orders")
