"""pattern_stack in a FastAPI application, as a user would write it."""

from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from pattern_stack import WebSocketBroadcastBackend

app = FastAPI()
broadcast = WebSocketBroadcastBackend()
app.include_router(broadcast.get_router())

PAYLOAD = {"entity_id": "1"}  # an event of 117 bytes or a few more, as its offset grows


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            for _ in range(int(await websocket.receive_text())):
                await broadcast.broadcast("bench", "tick", PAYLOAD)
    except WebSocketDisconnect:
        pass
