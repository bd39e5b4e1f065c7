"""What the client's tests talk to: publishing under an origin, tokens, refusals, snapshots, a short history."""

import time
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from pattern_stack import Channel, Forbidden, History, Identity, Unauthenticated, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast import Connection

broadcast = WebSocketBroadcastBackend(everyone=["everyone"])


@broadcast.channel("secret:{name}")
class Secret(Channel):
    async def authorize(self, connection: Connection, name: str) -> None:
        raise Forbidden("not yours")


@broadcast.channel("short:{name}", history=History(events=2))
class Short(Channel):
    """Reaches back two events."""


@broadcast.channel("room:{name}")
class Room(Channel):
    async def snapshot(self, connection: Connection, name: str) -> dict[str, str]:
        return {"name": name}


def verify_token(token: str) -> Identity:
    """`user:seconds`: who it is, and for how long from now."""
    user, _, seconds = token.partition(":")
    if user == "nobody":
        raise Unauthenticated("no such user")
    return Identity(user, time.time() + float(seconds))


app = FastAPI()
app.include_router(broadcast.get_router())
app.include_router(broadcast.get_router("/ws/token", verify_token=verify_token))


class Publication(BaseModel):
    channel: str
    event: str = "created"
    payload: dict[str, Any] = {}
    origin: str | None = None


@app.post("/publish")
async def publish(one: Publication) -> dict[str, int]:
    event = await broadcast.broadcast(one.channel, one.event, one.payload, origin=one.origin)
    return {"offset": event.offset}


@app.post("/end/{channel}")
async def end(channel: str) -> None:
    await broadcast.end(channel)


@app.post("/disconnect/{user}")
async def disconnect(user: str) -> None:
    await broadcast.disconnect(user)


@app.get("/count")
async def count() -> dict[str, int]:
    """Sockets on each channel, and how many there are at all."""
    channels = {channel: broadcast.get_subscriber_count(channel) for channel in broadcast.get_all_channels()}
    return {**channels, "": broadcast.get_total_connections()}
