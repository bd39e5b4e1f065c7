"""The ConnectionManager of FastAPI's documentation: a list of sockets, and a loop of sends."""

from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

app = FastAPI()
connections: list[WebSocket] = []

EVENT = {
    "channel": "bench",
    "event": "tick",
    "payload": {"entity_id": "1"},
    "timestamp": "2026-11-21T07:00:00.123456Z",
    "offset": 1,
}


@app.websocket("/events")
async def events(websocket: WebSocket) -> None:
    await websocket.accept()
    connections.append(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        connections.remove(websocket)


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            for _ in range(int(await websocket.receive_text())):
                for connection in connections:
                    await connection.send_json(EVENT)
    except WebSocketDisconnect:
        pass
