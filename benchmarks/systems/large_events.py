"""pattern_stack with compression, and events as rich applications have them: an order of 1 KB."""

from events import asked
from fastapi import FastAPI, WebSocket

from pattern_stack import WebSocketBroadcastBackend

app = FastAPI()
broadcast = WebSocketBroadcastBackend()
app.include_router(broadcast.get_router(compress=True, direct=True))

PLACES = ("Aachen", "Berlin", "Cottbus", "Dresden", "Essen", "Freiburg", "Gera", "Hamburg")
ORDER = {
    "entity_id": "7d6f3a0e-51c8-4a1b-9a54-0c5f2f6b8e11",
    "status": "in preparation",
    "table": 12,
    "items": [
        {"id": 1000 + n * 37, "name": f"Dish from {place}", "quantity": n % 3 + 1, "price": 7.5 + 1.1 * n, "note": None}
        for n, place in enumerate(PLACES)
    ],
    "waiter": {"id": "b2f1", "name": "Ann Example", "since": "2026-11-21T07:00:00Z"},
    "comment": "no onions in the third one, and the children want theirs as soon as they are ready",
}


@app.websocket("/control")
async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        for channel in asked(frame):
            await broadcast.broadcast(channel, "updated", ORDER)
