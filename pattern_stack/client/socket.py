"""A WebSocket as a Link."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from pattern_stack.atoms.broadcast.core.event import Last, Since
from pattern_stack.atoms.url_text import shown
from pattern_stack.client.backoff import seconds
from pattern_stack.client.errors import Closed, NotOpened, refusal_of
from pattern_stack.client.link import Incoming, Message, Way, Wish
from pattern_stack.errors import BroadcastError

_TEXT = 200
SETTLED = "settled"
"""The ping behind a subscription: its pong comes behind the snapshots."""


class SocketLink:
    """A ping behind the subscription says when its snapshots have come."""

    is_two_way = True

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def begin(self, wish: Wish) -> None:
        if wish.token is not None:
            await self.send({"auth": wish.token})
        since = {channel: _place(place) for channel, place in wish.since.items()}
        await self.send({"subscribe": list(wish.channels), "since": since, "id": 0})
        await self.send({"ping": SETTLED})

    async def receive(self) -> Incoming:
        try:
            data = await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        return Incoming(bytes(data))

    async def send(self, frame: Message) -> Message | None:
        try:
            await self._socket.send(orjson.dumps(frame), text=True)
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        return None


@asynccontextmanager
async def open_socket(url: str, wish: Wish, way: Way) -> AsyncIterator[SocketLink]:
    """Raises NotOpened, and BroadcastError where another try would fail too. Cancelled, it leaves no socket."""
    headers = wish.headers(way.headers)
    proxy: Literal[True] | None = True if way.by_proxy(url) else None
    try:
        socket = await connect(url, max_size=None, additional_headers=headers, proxy=proxy, compression=None)
    except InvalidStatus as error:
        raise _answered(error) from None
    except (ImportError, InvalidProxy, InvalidURI, ValueError) as error:
        raise BroadcastError(f"cannot connect to {shown(url)}: {getattr(error, 'msg', error)}") from None
    except (OSError, InvalidHandshake, EOFError) as error:
        raise NotOpened(str(error) or type(error).__name__) from error
    link = SocketLink(socket)
    try:
        await link.begin(wish)
        yield link
    finally:
        # what it has not read is of no use, and a close would wait behind it
        socket.transport.abort()
        await socket.wait_closed()


def _place(place: Since) -> Message:
    return {"last": place.events} if isinstance(place, Last) else {"epoch": place.epoch, "offset": place.offset}


def _closed(closed: ConnectionClosed) -> Closed:
    return Closed(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else Closed(1006)


def _answered(error: InvalidStatus) -> NotOpened | BroadcastError:
    """By the server's own refusal, or by something before it."""
    response = error.response
    retry = seconds(response.headers.get("Retry-After", ""))
    return answered(response.status_code, bytes(response.body or b""), retry)


def answered(status: int, body: bytes, retry: float | None) -> NotOpened | BroadcastError:
    """What an HTTP answer says that is no success. An error in the form of a broadcast endpoint is that endpoint's."""
    try:
        error = orjson.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        text = body[:_TEXT].decode(errors="replace").strip()
        return NotOpened(f"HTTP {status} {text}".rstrip(), retry, status)
    if code.isupper():  # of the REST calls of create_app(): no broadcast endpoint is there
        return NotOpened(f"HTTP {status} {message}", retry, status)
    if status == 429 or status >= 500:
        return NotOpened(f"HTTP {status} {message}", retry)
    return refusal_of(code, message)
