"""The application with a live page on /, and two calls that publish and count: what tests and demonstrations talk to."""

from typing import Any

from pydantic import AliasChoices, BaseModel, Field

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.pages import METHODS, page

app = create_app()
broadcast: WebSocketBroadcastBackend = app.state.broadcast
app.add_api_route("/", page("live"), methods=METHODS, include_in_schema=False)


class BroadcastRequest(BaseModel):
    channel: str
    event: str = Field(validation_alias=AliasChoices("event", "event_type"))
    payload: dict[str, Any]


@app.post("/test/broadcast")
async def trigger_broadcast(request: BroadcastRequest) -> dict[str, str | int]:
    """Publish one event. The position tells the caller which one it is."""
    event = await broadcast.broadcast(request.channel, request.event, request.payload)
    return {"status": "broadcasted", "epoch": event.epoch, "offset": event.offset}


@app.get("/test/stats")
async def stats() -> dict[str, Any]:
    """How many sockets are open, and on which channels."""
    channels = {channel: broadcast.get_subscriber_count(channel) for channel in broadcast.get_all_channels()}
    return {"connections": broadcast.get_total_connections(), "channels": channels}
