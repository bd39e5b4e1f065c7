"""FirstBytes: the HTTP protocol of `pattern-stack serve`. It reads the first bytes of a connection and passes it on."""

import asyncio
from typing import Any, cast

from uvicorn.config import Config

from pattern_stack.atoms.broadcast.transports.direct import DirectHandshake
from pattern_stack.atoms.broadcast.transports.handoff import DIRECT, Direct, path_of
from pattern_stack.atoms.broadcast.transports.http import HEAD_SECONDS, HTTPProtocol
from pattern_stack.atoms.broadcast.websocket import handshake
from pattern_stack.atoms.timing_wheel import timing_wheel

_END_OF_HEAD = b"\r\n\r\n"


class FirstBytes(asyncio.Protocol):
    """A plain WebSocket handshake for an endpoint with `direct=True`, whole in its first bytes, goes to a DirectHandshake.
    Everything else goes to an HTTPProtocol, which parses HTTP: it costs a connection more than the handshake itself."""

    __slots__ = ("_app_state", "_config", "_loop", "_next", "_opened_at", "_state", "_tick", "_transport", "_wheel")

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_event_loop()
        self._next: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)
        self._opened_at = self._loop.time()
        self._wheel = timing_wheel(self._loop)
        self._tick = self._wheel.set(self, HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Called once: the protocol that this gives the connection to hears the rest."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        head = data[:end]
        direct: Direct | None = self._app_state.get(DIRECT + path_of(head)) if head.startswith(b"GET ") else None
        asked = handshake.read(head) if direct else None
        if direct and asked:
            settings = (self._config, self._state, self._app_state, self._loop)
            self._give_to(DirectHandshake(*settings, direct, asked))
            if end < len(data):
                cast(asyncio.Protocol, self._transport.get_protocol()).data_received(data[end:])
        else:
            self._give_to_http().data_received(data)

    def _give_to_http(self) -> HTTPProtocol:
        protocol = HTTPProtocol(self._config, self._state, self._app_state, self._loop)
        self._give_to(protocol)
        protocol.count_from(self._opened_at)
        return protocol

    def _give_to(self, protocol: asyncio.Protocol) -> None:
        self._wheel.clear(self, self._tick)
        self._state.connections.discard(self)
        self._next = protocol
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def ring(self) -> None:
        """It has said nothing until now."""
        if self._next is None:
            self._give_to_http()

    def shutdown(self) -> None:
        """The server stops."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.clear(self, self._tick)
        self._state.connections.discard(self)
        if self._next:  # asyncio's TLS calls the old protocol, one iteration later
            self._next.connection_lost(exc)
