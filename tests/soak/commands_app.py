"""An application whose command has an effect that outlives its instance: it writes down which key it was called for."""

import os
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from redis.asyncio import Redis

from pattern_stack import Channel, Connection, broadcast_from_url, command

URL = os.environ["BROADCAST_URL"]
broadcast = broadcast_from_url(URL)
effects = Redis.from_url(os.environ.get("EFFECTS_URL", URL))


class Note(BaseModel):
    n: int


@broadcast.channel("room:{name}")
class Room(Channel):
    @command("note")
    async def note(self, connection: Connection, payload: Note, name: str) -> dict[str, Any]:
        await effects.rpush(f"effects:{connection.user}:{name}", payload.n)
        return {"n": payload.n, "process": os.getpid()}


def by_name(name: str) -> str:
    return name


app = FastAPI()
app.include_router(broadcast.get_router(authenticate=by_name))


@app.get("/ready")
async def ready() -> JSONResponse:
    return JSONResponse({}, 200 if broadcast.is_ready else 503)
