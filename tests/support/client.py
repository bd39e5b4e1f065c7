"""A WebSocket client that follows the protocol, over a real socket."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed

from tests.support.patience import PATIENCE

Message = dict[str, Any]


class Client:
    """Requests are matched with their answers by id; everything else waits in `inbox`, in the order it came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.inbox: deque[Message] = deque()
        self._ids = itertools.count(1)

    async def send(self, frame: object) -> None:
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self, timeout: float = PATIENCE) -> Message:
        """The next message, whatever it is."""
        if self.inbox:
            return self.inbox.popleft()
        return await self._read(timeout)

    async def take(self, count: int) -> list[Message]:
        return [await self.receive() for _ in range(count)]

    async def event(self) -> Message:
        """The next message, which has to be an event."""
        message = await self.receive()
        assert "channel" in message, message
        return message

    async def ask(self, frame: Message) -> Message:
        """Send it with an id; the first answer with that id. What comes before stays in `inbox`."""
        id = next(self._ids)
        await self.send({**frame, "id": id})
        return await self.until(lambda message: message.get("id") == id)

    async def until(self, is_it: Callable[[Message], bool]) -> Message:
        """The first message for which it holds; those before it stay in `inbox`."""
        for message in list(self.inbox):
            if is_it(message):
                self.inbox.remove(message)
                return message
        while True:
            message = await self._read()
            if is_it(message):
                return message
            self.inbox.append(message)

    async def subscribe(self, *channels: str, **since: Any) -> dict[str, Any]:
        """The positions that the server tells."""
        answer = await self.ask({"subscribe": list(channels), **since})
        assert "subscribed" in answer, answer
        positions: dict[str, Any] = answer["subscribed"]
        return positions

    async def nothing_more(self) -> None:
        """Nothing came, and nothing was on its way: a ping's answer is the next message."""
        answer = await self.ask({"ping": "marker"})
        assert answer["pong"] == "marker"
        assert not self.inbox, list(self.inbox)

    async def closed(self) -> tuple[int, str]:
        """Read until the server has closed; the code and the reason."""
        try:
            while True:
                self.inbox.append(await self._read())
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")

    def cut(self) -> None:
        """Reset the connection, without a close."""
        self.socket.transport.abort()

    async def _read(self, timeout: float = PATIENCE) -> Message:
        async with asyncio.timeout(timeout):
            message: Message = json.loads(await self.socket.recv())
        return message


def page_of(url: str) -> str:
    """The origin of the server's own pages: who names it is a browser, for all that a server can tell."""
    return "http://" + url.split("/")[2]


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Client]:
    """Closed with the block. Where that is cancelled, as at a test's end, it is cut."""
    settings = {"max_size": None, "proxy": None, "ping_interval": None, "open_timeout": PATIENCE, **options}
    socket = await connect(url, **settings)
    try:
        yield Client(socket)
    finally:
        try:
            await asyncio.gather(socket.close(), _read_on(socket))
        finally:
            socket.transport.abort()


async def _read_on(socket: ClientConnection) -> None:
    """Who reads no further waits 10 s for the server's close, which is behind all that it has not read."""
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await socket.recv()
