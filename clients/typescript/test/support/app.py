"""The server of the client's tests: publishing with an origin, tokens, refusals, snapshots, a short history."""

import time
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from pattern_stack import Channel, Forbidden, History, Identity, Limits, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast import Connection

broadcast = WebSocketBroadcastBackend(everyone=["everyone"])


@broadcast.channel("secret:{name}")
class Secret(Channel):
    async def authorize(self, connection: Connection, name: str) -> None:
        raise Forbidden("not yours")


@broadcast.channel("short:{name}", history=History(events=2))
class Short(Channel):
    """Keeps two events."""


@broadcast.channel("room:{name}")
class Room(Channel):
    async def snapshot(self, connection: Connection, name: str) -> dict[str, str]:
        return {"name": name}


def verify_token(token: str) -> Identity:
    """A token is `user:seconds`: the user, and how long the token is valid from now."""
    user, _, seconds = token.partition(":")
    if user == "nobody":
        raise Unauthenticated("no such user")
    return Identity(user, time.time() + float(seconds))


strict = WebSocketBroadcastBackend(limits=Limits(frames_per_second=5, frames_burst=5))

app = FastAPI()
app.include_router(broadcast.get_router())
app.include_router(broadcast.get_router("/ws/token", sse="/sse/token", verify_token=verify_token))
app.include_router(strict.get_router("/ws/strict", sse="/sse/strict"))


class Publication(BaseModel):
    channel: str
    event: str = "created"
    payload: dict[str, Any] = {}
    origin: str | None = None


@app.post("/publish")
async def publish(body: Publication) -> dict[str, int]:
    event = await broadcast.broadcast(body.channel, body.event, body.payload, origin=body.origin)
    return {"offset": event.offset}


@app.post("/end/{channel}")
async def end(channel: str) -> None:
    await broadcast.end(channel)


@app.post("/disconnect/{user}")
async def disconnect(user: str) -> None:
    await broadcast.disconnect(user)


@app.get("/count")
async def count() -> dict[str, int]:
    """The subscribers of each channel, and under "" all connections."""
    return _count(broadcast)


@app.get("/strict/count")
async def strict_count() -> dict[str, int]:
    return _count(strict)


def _count(backend: WebSocketBroadcastBackend) -> dict[str, int]:
    channels = {channel: backend.get_subscriber_count(channel) for channel in backend.get_all_channels()}
    return {**channels, "": backend.get_total_connections()}
