"""An application for any ASGI server: whoever names a user is let in; calls publish and send users away. Under /wrapped the same
stands behind middleware."""

from typing import Any

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection

from pattern_stack import Unauthenticated, WebSocketBroadcastBackend


def named(connection: HTTPConnection) -> str:
    try:
        return connection.query_params["user"]
    except KeyError:
        raise Unauthenticated("nobody is named") from None


async def mark(request: Any, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-wrapped"] = "yes"
    return response


broadcast = WebSocketBroadcastBackend()
router = broadcast.get_router(authenticate=named, direct=True)
wrapped = FastAPI()
wrapped.add_middleware(BaseHTTPMiddleware, dispatch=mark)
wrapped.add_middleware(GZipMiddleware, minimum_size=0)
wrapped.include_router(router)
app = FastAPI()
app.include_router(router)
app.mount("/wrapped", wrapped)


@app.post("/publish/{count}")
async def publish(count: int) -> None:
    await broadcast.broadcast_many([("orders", "x", {"n": n}) for n in range(count)])


@app.post("/disconnect/{user}")
async def disconnect(user: str) -> None:
    await broadcast.disconnect(user)


@app.get("/connections")
async def connections() -> int:
    return broadcast.get_total_connections()
