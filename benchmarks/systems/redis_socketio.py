"""python-socketio with AsyncRedisManager beside a FastAPI application, a room for each channel.

Set: websocket alone, for the clients do not begin by polling; and pings so rare that none is taken for an event."""

import os
from typing import Any

import socketio
from events import event, publish_asked
from fastapi import FastAPI, WebSocket

api = FastAPI()
sio = socketio.AsyncServer(
    async_mode="asgi",
    transports=["websocket"],
    ping_interval=300,
    client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"]),
)
app = socketio.ASGIApp(sio, other_asgi_app=api)


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
    await sio.enter_room(sid, auth["channel"])


@api.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        await publish_asked(frame, lambda channel: sio.emit("tick", event(channel), room=channel))
