"""A small application with typical faults."""

import threading
from typing import Any

import httpx2
from fastapi import FastAPI, Header

from pattern_stack import Channel, Forbidden, Unauthenticated, WebSocketBroadcastBackend
from tests.support.patience import PATIENCE


def until_it_is_found() -> None:
    """Stand still until the thread that watches for it has ended."""
    for thread in threading.enumerate():
        if thread.name == "pattern_stack.testing.blocking":
            thread.join(PATIENCE)


class Orders:
    """A small application. `fault` names what is wrong with it."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.state: dict[str, Any] = {}
        self.broadcast = broadcast = WebSocketBroadcastBackend()
        self.app = app = FastAPI()
        app.include_router(broadcast.get_router(authenticate=self.authenticate))
        app.post("/orders/{id}")(self.create)
        orders = self

        @broadcast.channel("orders:{tenant}")
        class Tenant(Channel):
            async def authorize(self, connection: Any, tenant: str) -> None:
                if tenant == "secret":
                    raise Forbidden("not yours")

            async def snapshot(self, connection: Any, tenant: str) -> dict[str, Any]:
                return {} if orders.fault == "snapshot" else dict(orders.state)

    async def authenticate(self, x_user: str = Header("ann")) -> str:
        if x_user == "nobody":
            raise Unauthenticated("who is this")
        return x_user

    async def create(self, id: str) -> None:
        if self.fault == "block":
            until_it_is_found()
        self.state[id] = {"total": 5}
        tenant = "b" if self.fault == "tenant" else "a"
        payload: dict[str, Any] = {"id": id} if self.fault == "field" else {"id": id, "total": 5}
        if self.fault == "json":
            payload["total"] = object()
        if self.fault == "branch":
            return
        for _ in range(2 if self.fault == "twice" else 1):
            await self.broadcast.broadcast(
                f"order{'' if self.fault == 'channel' else 's'}:{tenant}", "created", payload
            )


def http(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test")
