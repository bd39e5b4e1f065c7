"""pattern_stack in a FastAPI application, as a user would write it."""

from typing import Any

from events import PAYLOAD, asked
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel
from users import current_user

from pattern_stack import WebSocketBroadcastBackend

app = FastAPI()
broadcast = WebSocketBroadcastBackend()


class Publish(BaseModel):
    channel: str
    event: str
    payload: dict[str, Any]


@app.post("/publish", status_code=204)
async def publish(body: Publish) -> None:
    await broadcast.broadcast(body.channel, body.event, body.payload)


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        for channel in asked(frame):
            await broadcast.broadcast(channel, "tick", PAYLOAD)


# behind the application's own routes, as docs/scaling.md says: FastAPI compares a request with one route after the other
app.include_router(broadcast.get_router("/ws/through"))
app.include_router(broadcast.get_router(direct=True))
app.include_router(broadcast.get_router("/ws/authenticated", authenticate=current_user, direct=True))
