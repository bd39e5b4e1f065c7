"""pattern_stack over Redis in a FastAPI application, as a user would write it; with BROADCAST_URL over another bridge, without
either of them one process in memory."""

import os

from events import PAYLOAD, publish_asked
from fastapi import FastAPI, WebSocket

from pattern_stack import broadcast_from_url

app = FastAPI()
broadcast = broadcast_from_url(os.environ.get("BROADCAST_URL") or os.environ.get("REDIS_URL") or "memory://")
app.include_router(broadcast.get_router(direct=True))


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        await publish_asked(frame, lambda channel: broadcast.broadcast(channel, "tick", PAYLOAD))


@app.get("/trouble")
async def trouble() -> str | None:
    return broadcast.trouble
