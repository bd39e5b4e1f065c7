"""An application for any ASGI server: whoever names a user is let in; calls publish and send users away."""

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from pattern_stack import Unauthenticated, WebSocketBroadcastBackend


def named(connection: HTTPConnection) -> str:
    try:
        return connection.query_params["user"]
    except KeyError:
        raise Unauthenticated("nobody is named") from None


app = FastAPI()
broadcast = WebSocketBroadcastBackend()
app.include_router(broadcast.get_router(authenticate=named, direct=True))


@app.post("/publish/{count}")
async def publish(count: int) -> None:
    await broadcast.broadcast_many([("orders", "x", {"n": n}) for n in range(count)])


@app.post("/disconnect/{user}")
async def disconnect(user: str) -> None:
    await broadcast.disconnect(user)


@app.get("/connections")
async def connections() -> int:
    return broadcast.get_total_connections()
