"""pattern_stack over PostgreSQL in a FastAPI application, as a user would write it."""

import os

from events import PAYLOAD, publish_asked
from fastapi import FastAPI, WebSocket

from pattern_stack import broadcast_from_url

app = FastAPI()
broadcast = broadcast_from_url(os.environ["POSTGRES_URL"])
app.include_router(broadcast.get_router(direct=True))


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        await publish_asked(frame, lambda channel: broadcast.broadcast(channel, "tick", PAYLOAD))
