"""FastLane: what uvicorn is given as its WebSocket protocol.

`uvicorn --ws pattern_stack.fastlane:FastLane`; `pattern-stack serve` uses it. It passes the socket on: a plain handshake to an
Opening, anything else to uvicorn's own protocol (uvicorn.py).
"""

import asyncio
import sys
from typing import Any, cast

from uvicorn.config import Config

from pattern_stack.atoms.broadcast.transports.dispatch import behind_proxies, opening_of
from pattern_stack.atoms.broadcast.transports.handoff import DIRECT, Direct, path_of
from pattern_stack.atoms.broadcast.transports.opening import Opening, Server
from pattern_stack.atoms.broadcast.transports.uvicorn import UvicornProtocol


class FastLane(asyncio.Protocol):
    """One socket, until its handshake is answered."""

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        self._server = Server(config, server_state, app_state, _loop or asyncio.get_event_loop())
        self._transport: asyncio.Transport
        self._data: bytes | None = None
        """The head, and what may have come behind it."""
        self._next: Opening | UvicornProtocol | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.state.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """First the head, whole: uvicorn's HTTP protocol has put it together."""
        if self._next:
            self._next.data_received(data)
        elif self._data is None:
            # in an iteration of its own: uvicorn makes this the transport's protocol when this method has returned
            self._server.loop.call_soon(self._pass_on, data)
            self._data = _behind_head(self._transport)
        else:
            self._data += data

    def _pass_on(self, head: bytes) -> None:
        if self._lost:
            return
        opening = opening_of(head, self._server, self._transport, self)
        if opening:
            self._next = opening
            opening.begin()
        else:
            self._give_to_uvicorn(head)
        if self._data:
            cast(asyncio.Protocol, self._transport.get_protocol()).data_received(self._data)

    def _give_to_uvicorn(self, head: bytes) -> None:
        direct: Direct | None = self._server.app_state.get(DIRECT + path_of(head.split(b" ", 2)[1]))
        app = behind_proxies(direct.app, self._server.config) if direct else None
        protocol = self._next = UvicornProtocol(*self._server, app)
        self._server.state.connections.discard(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(head)

    def shutdown(self) -> None:
        """The server stops."""
        if isinstance(self._next, Opening):
            self._next.shutdown()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next:  # of a UvicornProtocol where asyncio's TLS calls the old protocol, one iteration later
            self._next.connection_lost(exc)
        self._lost = True
        self._server.state.connections.discard(self)


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
