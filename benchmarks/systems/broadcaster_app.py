"""encode's broadcaster with its memory backend, in the Starlette application of its README.

Changed: a client is subscribed before it is accepted, so that nothing is published past it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from broadcaster import Broadcast
from events import asked, event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

broadcast = Broadcast("memory://")


async def events(websocket: WebSocket) -> None:
    async with broadcast.subscribe(channel=websocket.path_params["channel"]) as subscriber:
        await websocket.accept()
        async with anyio.create_task_group() as task_group:

            async def receive() -> None:
                async for _ in websocket.iter_text():
                    pass
                task_group.cancel_scope.cancel()

            task_group.start_soon(receive)
            async for message in subscriber:
                await websocket.send_text(message.message)


async def publish(request: Request) -> Response:
    body = await request.json()
    await broadcast.publish(body["channel"], json.dumps(event(body["channel"], body["event"], body["payload"])))
    return Response(status_code=204)


async def control(websocket: WebSocket) -> None:
    await websocket.accept()
    async for frame in websocket.iter_text():
        for channel in asked(frame):
            await broadcast.publish(channel, json.dumps(event(channel)))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with broadcast:
        yield


routes = [
    WebSocketRoute("/events/{channel}", events),
    WebSocketRoute("/control", control),
    Route("/publish", publish, methods=["POST"]),
]
app = Starlette(routes=routes, lifespan=lifespan)
