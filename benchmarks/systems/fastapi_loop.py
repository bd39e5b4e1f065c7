"""The ConnectionManager of FastAPI's documentation: a list of sockets, one for each channel, and a loop of sends."""

from collections import defaultdict
from typing import Any

from events import asked, event
from fastapi import Depends, FastAPI, WebSocket
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect
from users import current_user

app = FastAPI()


class ConnectionManager:
    def __init__(self) -> None:
        self.active_connections: defaultdict[str, list[WebSocket]] = defaultdict(list)

    async def connect(self, websocket: WebSocket, channel: str) -> None:
        await websocket.accept()
        self.active_connections[channel].append(websocket)

    def disconnect(self, websocket: WebSocket, channel: str) -> None:
        self.active_connections[channel].remove(websocket)

    async def broadcast(self, channel: str, message: dict[str, Any]) -> None:
        for connection in self.active_connections[channel]:
            await connection.send_json(message)


manager = ConnectionManager()


@app.websocket("/events/{channel}")
async def events(websocket: WebSocket, channel: str) -> None:
    await manager.connect(websocket, channel)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        manager.disconnect(websocket, channel)


@app.websocket("/authenticated/{channel}", dependencies=[Depends(current_user)])
async def authenticated(websocket: WebSocket, channel: str) -> None:
    await events(websocket, channel)


class Publish(BaseModel):
    channel: str
    event: str
    payload: dict[str, Any]


@app.post("/publish", status_code=204)
async def publish(body: Publish) -> None:
    await manager.broadcast(body.channel, event(body.channel, body.event, body.payload))


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        for channel in asked(frame):
            await manager.broadcast(channel, event(channel))
