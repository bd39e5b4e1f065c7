"""/health and /ready for an application of one's own. Those of create_app() are tested with what they report."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pattern_stack import WebSocketBroadcastBackend, health_router


class Import:
    trouble: str | None = None


async def test_ready_names_the_first_part_that_has_trouble() -> None:
    broadcast, work = WebSocketBroadcastBackend(), Import()
    app = FastAPI()
    app.include_router(health_router(broadcast, work))
    client = TestClient(app)
    assert client.get("/ready").json() == {"status": "ready"}
    work.trouble = "the disk is full"
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"error": {"code": "IMPORT_UNAVAILABLE", "message": "the disk is full"}}
    await broadcast.close()
    assert client.get("/ready").json()["error"]["code"] == "BROADCAST_UNAVAILABLE"
    assert client.get("/health").json() == {"status": "ok"}


def test_a_part_has_trouble() -> None:
    with pytest.raises(TypeError, match="has no `trouble`"):
        health_router("orders")  # type: ignore[arg-type]
