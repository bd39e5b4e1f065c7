"""pattern_stack over Redis in a FastAPI application, as a user would write it; without REDIS_URL one process in memory."""

import os

from events import PAYLOAD, publish_asked
from fastapi import FastAPI, WebSocket

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

app = FastAPI()
bridge = RedisBroadcastBackend(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else None
broadcast = WebSocketBroadcastBackend(bridge=bridge)
app.include_router(broadcast.get_router(direct=True))


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        await publish_asked(frame, lambda channel: broadcast.broadcast(channel, "tick", PAYLOAD))


@app.get("/trouble")
async def trouble() -> str | None:
    return broadcast.trouble
