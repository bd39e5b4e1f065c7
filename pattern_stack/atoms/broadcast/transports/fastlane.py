"""FastLane: what uvicorn is given as its WebSocket protocol.

`uvicorn --ws pattern_stack.fastlane:FastLane`; `pattern-stack serve` uses it. It reads the path of a handshake, and passes the
socket on: for the path of an endpoint with `direct=True` to a DirectHandshake, else to uvicorn's own protocol (uvicorn.py).
"""

import asyncio
import sys
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pattern_stack.atoms.broadcast.transports.direct import DirectHandshake
from pattern_stack.atoms.broadcast.transports.handoff import DIRECT, Direct, path_of
from pattern_stack.atoms.broadcast.transports.uvicorn import UvicornProtocol
from pattern_stack.atoms.broadcast.websocket import handshake


class FastLane(asyncio.Protocol):
    """One socket, for one loop iteration."""

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._loop: asyncio.AbstractEventLoop = _loop or asyncio.get_event_loop()
        self._transport: asyncio.Transport
        self._data: bytes | None = None
        """The head, and what may have come behind it."""
        self._next: asyncio.Protocol | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """First the head, whole: uvicorn's HTTP protocol has put it together."""
        if self._data is None:
            # in an iteration of its own: uvicorn makes this the transport's protocol when this method has returned
            self._loop.call_soon(self._pass_on, data)
            self._data = _behind_head(self._transport)
        else:
            self._data += data

    def _pass_on(self, head: bytes) -> None:
        if self._lost:
            return
        self._state.connections.discard(self)
        direct: Direct | None = self._app_state.get(DIRECT + path_of(head))
        asked = handshake.read(head) if direct else None
        settings = (self._config, self._state, self._app_state, self._loop)
        if direct and asked:
            self._give_to(DirectHandshake(*settings, direct, asked))
        else:  # with `direct`, not of the ordinary kind: uvicorn's parser decides
            whole = UvicornProtocol(*settings, self._behind_proxies(direct.app) if direct else None)
            self._give_to(whole)
            whole.data_received(head)
        if self._data:
            cast(asyncio.Protocol, self._transport.get_protocol()).data_received(self._data)

    def _give_to(self, protocol: asyncio.Protocol) -> None:
        self._next = protocol
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def _behind_proxies(self, app: ASGIApp) -> ASGIApp:
        """As uvicorn wraps an application."""
        if not self._config.proxy_headers:
            return app
        return cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, app), self._config.forwarded_allow_ips))

    def shutdown(self) -> None:
        """The server stops."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next:  # asyncio's TLS calls the old protocol, one iteration later
            self._next.connection_lost(exc)
        self._lost = True
        self._state.connections.discard(self)


def _behind_head(transport: asyncio.Transport) -> bytes:
    """What came in the same piece as the head. uvicorn's HTTP protocols hand over the head alone, from where they parse it."""
    upgrade = sys.exception()
    if (
        type(upgrade).__name__ == "HttpParserUpgrade" and upgrade and upgrade.__traceback__
    ):  # httptools says where it stopped
        data: bytes = upgrade.__traceback__.tb_frame.f_locals.get("data", b"")
        return data[upgrade.args[0] :]
    parser: Any = getattr(transport.get_protocol(), "conn", None)  # h11's connection
    return bytes(getattr(parser, "trailing_data", (b"",))[0])
