"""Which way a client goes: by WebSocket, and by HTTP where that cannot be had."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from pattern_stack.atoms.url_text import shown
from pattern_stack.client.errors import NotOpened
from pattern_stack.client.link import Link, Way, Wish
from pattern_stack.client.outage import Outage
from pattern_stack.client.socket import open_socket
from pattern_stack.client.stream import open_stream
from pattern_stack.errors import BroadcastError

_SOCKETS = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0


class Route:
    """After two sockets in a row that could not be opened it goes by HTTP. It tries a socket again with the first connection
    after 10 s, doubling to 5 min; and with the next one where HTTP fails too.

    `sse`: the URL of the HTTP lane. None: that of the same server, where the path of `url` ends in `/ws/broadcast`.
    """

    def __init__(self, url: str, sse: str | None = None, way: Way | None = None) -> None:
        self._url = url
        self._way = way or Way()
        self._sse = sse or _beside(url)
        self._unopened = 0
        self._is_missing = False
        """What was last asked for a socket is no broadcast endpoint."""
        self._pause = _FIRST_PAUSE
        self._socket_at = 0.0
        self.outage = Outage(f"cannot reach {self.shown}", f"reached {self.shown} again")
        """Of the whole client: it is one line however many channels it follows."""

    @property
    def shown(self) -> str:
        """The URL as logs and errors may have it."""
        return shown(self._url)

    @asynccontextmanager
    async def open(self, wish: Wish) -> AsyncIterator[Link]:
        """Raises NotOpened, and BroadcastError where another try would fail too."""
        if self._sse is not None and self._unopened >= _SOCKETS and time.monotonic() < self._socket_at:
            async with self._stream(self._sse, wish) as link:
                yield link
        else:
            async with self._socket(wish) as link:
                yield link

    @asynccontextmanager
    async def _socket(self, wish: Wish) -> AsyncIterator[Link]:
        opened = False
        try:
            async with open_socket(self._url, wish, self._way) as link:
                opened, self._unopened, self._pause = True, 0, _FIRST_PAUSE
                yield link
        except NotOpened as error:
            if not opened:
                self._not_opened(error)
            raise

    def _not_opened(self, error: NotOpened) -> None:
        self._is_missing = error.is_missing
        if self._is_missing and self._sse is None:
            raise BroadcastError(f"no broadcast endpoint at {self.shown}: {error}") from None
        self._unopened += 1
        if self._unopened >= _SOCKETS:
            self._socket_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    @asynccontextmanager
    async def _stream(self, url: str, wish: Wish) -> AsyncIterator[Link]:
        try:
            async with open_stream(url, wish, self._way) as link:
                yield link
        except NotOpened as error:
            self._socket_at = 0.0
            if error.is_missing and self._is_missing:
                raise BroadcastError(f"no broadcast endpoint at {self.shown} or {shown(url)}: {error}") from None
            raise


def _beside(url: str) -> str | None:
    parts = urlsplit(url)
    if not parts.path.endswith("/ws/broadcast"):
        return None
    scheme = "https" if parts.scheme == "wss" else "http"
    path = parts.path.removesuffix("/ws/broadcast") + "/sse/broadcast"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))
