"""Django channels with channels_redis, a group for each channel, on uvicorn. LAYER names the channel layer.

Set: the capacity of a channel, 100 by default, past which the layer `core` drops events."""

import json
import os

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path
from events import event, publish_asked

LAYERS = {
    "core": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"capacity": 10_000}},
    "pubsub": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {}},
}
layer = LAYERS[os.environ["LAYER"]]
layer["CONFIG"]["hosts"] = [os.environ["REDIS_URL"]]
settings.configure(SECRET_KEY="none", CHANNEL_LAYERS={"default": layer})  # noqa: S106 - nothing is signed
django.setup()


class Events(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add(self.scope["url_route"]["kwargs"]["channel"], self.channel_name)
        await self.accept()

    async def tick(self, message: dict[str, object]) -> None:
        await self.send(text_data=json.dumps(message["event"]))


class Control(AsyncWebsocketConsumer):
    async def receive(self, text_data: str) -> None:
        layer = get_channel_layer()
        await publish_asked(
            text_data, lambda channel: layer.group_send(channel, {"type": "tick", "event": event(channel)})
        )


routes = [path("events/<channel>", Events.as_asgi()), path("control", Control.as_asgi())]
app = ProtocolTypeRouter({"websocket": URLRouter(routes)})
