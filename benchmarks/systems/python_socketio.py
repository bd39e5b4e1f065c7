"""python-socketio beside a FastAPI application, a room for each channel.

Set: websocket alone, for the clients do not begin by polling; and pings so rare that none is taken for an event."""

from typing import Any

import socketio
from events import asked, event
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel

api = FastAPI()
sio = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], ping_interval=300)
app = socketio.ASGIApp(sio, other_asgi_app=api)


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
    await sio.enter_room(sid, auth["channel"])


class Publish(BaseModel):
    channel: str
    event: str
    payload: dict[str, Any]


@api.post("/publish", status_code=204)
async def publish(body: Publish) -> None:
    await sio.emit(body.event, event(body.channel, body.event, body.payload), room=body.channel)


@api.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        for channel in asked(frame):
            await sio.emit("tick", event(channel), room=channel)
