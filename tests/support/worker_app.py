"""What each worker of a server runs: README's three lines, a call that publishes, and who serves whom."""

import os
from typing import Any

from fastapi import FastAPI

from pattern_stack import Channel, WebSocketBroadcastBackend

app = FastAPI()
broadcast = WebSocketBroadcastBackend()
app.include_router(broadcast.get_router())


@broadcast.channel("worker")
class Worker(Channel):
    async def snapshot(self, connection: Any) -> dict[str, Any]:
        return {"pid": os.getpid()}


@broadcast.channel("room", presence=lambda user: {})
class Room(Channel): ...


@app.post("/publish/{n}")
async def publish(n: int) -> dict[str, Any]:
    event = await broadcast.broadcast("orders", "created", {"n": n})
    return {"pid": os.getpid(), "offset": event.offset, "epoch": event.epoch}


@app.get("/place")
async def place() -> dict[str, Any]:
    """Where the workers meet; None where this process is alone."""
    return {"pid": os.getpid(), "place": getattr(broadcast.bridge, "place", None)}
