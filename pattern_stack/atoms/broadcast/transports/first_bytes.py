"""FirstBytes: the HTTP protocol of `pattern-stack serve`. It reads the first bytes of a connection and passes it on."""

import asyncio
from typing import Any, cast

from uvicorn.config import Config

from pattern_stack.atoms.broadcast.transports.dispatch import opening_of
from pattern_stack.atoms.broadcast.transports.handoff import BOUNDED
from pattern_stack.atoms.broadcast.transports.http import HEAD_SECONDS, HTTPProtocol
from pattern_stack.atoms.broadcast.transports.opening import Opening, Server
from pattern_stack.atoms.timing_wheel import timing_wheel

_END_OF_HEAD = b"\r\n\r\n"


class FirstBytes(asyncio.Protocol):
    """A plain WebSocket handshake, whole in its first bytes, goes to an Opening. Everything else goes to an HTTPProtocol, which
    parses HTTP: it costs a connection more than the handshake itself."""

    __slots__ = ("_next", "_opened_at", "_opening", "_server", "_tick", "_transport", "_wheel")

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._server = Server(config, server_state, app_state, _loop or asyncio.get_event_loop())
        self._opening: Opening | None = None
        self._next: HTTPProtocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.state.connections.add(self)
        self._opened_at = self._server.loop.time()
        self._wheel = timing_wheel(self._server.loop)
        self._tick = self._wheel.set(self, HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._opening:
            self._opening.data_received(data)
            return
        self._wheel.clear(self, self._tick)
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if data.startswith(b"GET ") and b"ocket" in data:  # of `Upgrade: websocket`
            bounded = getattr(self._server.state, BOUNDED, False)
            self._opening = opening_of(data[:end], self._server, self._transport, self, bounded=bounded)
        if self._opening is None:
            self._give_to_http().data_received(data)
            return
        self._opening.begin()
        if end < len(data):
            cast(asyncio.Protocol, self._transport.get_protocol()).data_received(data[end:])

    def _give_to_http(self) -> HTTPProtocol:
        self._wheel.clear(self, self._tick)
        self._server.state.connections.discard(self)
        protocol = self._next = HTTPProtocol(*self._server)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.count_from(self._opened_at)
        return protocol

    def ring(self) -> None:
        """It has said nothing until now."""
        if self._next is None:
            self._give_to_http()

    def shutdown(self) -> None:
        """The server stops."""
        if self._opening:
            self._opening.shutdown()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.clear(self, self._tick)
        self._server.state.connections.discard(self)
        for one in (self._opening, self._next):
            if one:  # the second where asyncio's TLS calls the old protocol, one iteration later
                one.connection_lost(exc)
