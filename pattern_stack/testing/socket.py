"""A WebSocket of an application without a server: ASGI messages on the loop that the application's hub is on."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from pattern_stack.errors import BroadcastError, Forbidden, Unauthenticated

Message = dict[str, Any]
_REFUSALS: dict[int, type[BroadcastError]] = {
    401: Unauthenticated,
    4401: Unauthenticated,
    403: Forbidden,
    4403: Forbidden,
}


class Gone(Exception):
    """The connection ended without a close."""


class Socket:
    def __init__(self, app: Any, path: str, headers: Mapping[str, str]) -> None:
        self._up: asyncio.Queue[Message] = asyncio.Queue()
        self._down: asyncio.Queue[Message | None] = asyncio.Queue()
        path, _, query = path.partition("?")
        self._scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"testserver"),
                *((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()),
            ],
            "client": ("testclient", 50_000),
            "server": ("testserver", 80),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self._app = app
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises Unauthenticated, Forbidden or BroadcastError where the handshake is refused."""
        self._task = asyncio.create_task(self._run())
        self._up.put_nowait({"type": "websocket.connect"})
        message = await self._down.get()
        if message is None:
            await self._failed()
        elif message["type"] == "websocket.http.response.start":
            body = await self._down.get() or {}
            raise _refusal(message["status"], body.get("body", b"").decode())
        elif message["type"] == "websocket.close":
            raise _refusal(message["code"], message.get("reason") or "")

    async def send(self, frame: Message) -> None:
        self._up.put_nowait({"type": "websocket.receive", "text": orjson.dumps(frame).decode()})

    async def receive(self) -> bytes:
        """The next frame. Raises Gone, and what a close says."""
        message = await self._down.get()
        if message is None:
            await self._failed()
            raise Gone
        if message["type"] == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            if code in (1011, 1012, 1013, 4408):
                raise Gone(f"{code} {reason}")
            raise _refusal(code, reason)
        data: bytes = message["text"].encode()
        return data

    async def close(self) -> None:
        self._up.put_nowait({"type": "websocket.disconnect", "code": 1000})
        if self._task:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._up.get, self._take)
        finally:
            self._down.put_nowait(None)

    async def _take(self, message: Message) -> None:
        self._down.put_nowait(message)

    async def _failed(self) -> None:
        """What the application itself raised is the test's to see."""
        if self._task:
            await asyncio.wait((self._task,))
            self._task.result()


def _refusal(code: int, text: str) -> BroadcastError:
    return _REFUSALS.get(code, BroadcastError)(f"{code} {text}".rstrip())
