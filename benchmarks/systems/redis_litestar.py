"""litestar's channels with their backend for Redis pub/sub, and the WebSocket handlers that the plugin makes."""

import os

from events import event, publish_asked
from litestar import Litestar, WebSocket, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.redis import RedisChannelsPubSubBackend
from litestar.exceptions import WebSocketDisconnect
from redis.asyncio import Redis

plugin = ChannelsPlugin(
    RedisChannelsPubSubBackend(redis=Redis.from_url(os.environ["REDIS_URL"])),
    arbitrary_channels_allowed=True,
    create_ws_route_handlers=True,
    ws_handler_base_path="/events",
)


@websocket("/control")
async def control(socket: WebSocket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    try:
        while True:
            frame = await socket.receive_text()
            await publish_asked(frame, lambda channel: channels.wait_published(event(channel), channel))
    except WebSocketDisconnect:
        pass


app = Litestar([control], plugins=[plugin])
