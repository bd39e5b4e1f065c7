"""litestar's channels with their memory backend, and the WebSocket handlers that the plugin makes."""

from dataclasses import dataclass
from typing import Any

from events import asked, event
from litestar import Litestar, WebSocket, post, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect

plugin = ChannelsPlugin(
    MemoryChannelsBackend(),
    arbitrary_channels_allowed=True,
    create_ws_route_handlers=True,
    ws_handler_base_path="/events",
)


@dataclass
class Publish:
    channel: str
    event: str
    payload: dict[str, Any]


@post("/publish", status_code=204)
async def publish(data: Publish, channels: ChannelsPlugin) -> None:
    await channels.wait_published(event(data.channel, data.event, data.payload), data.channel)


@websocket("/control")
async def control(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    try:
        while True:
            for channel in asked(await socket.receive_text()):
                await channels.wait_published(event(channel), channel)
    except WebSocketDisconnect:
        pass


app = Litestar([publish, control], plugins=[plugin])
