"""Opening: a WebSocket between its head and the protocol that carries it. A server's protocol makes one, and holds it."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import is_ssl

from pattern_stack.atoms.broadcast.transports.admission import Admission
from pattern_stack.atoms.broadcast.transports.handoff import EARLY_BYTES
from pattern_stack.atoms.broadcast.transports.refusal import unavailable
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.broadcast.websocket import handshake
from pattern_stack.atoms.broadcast.websocket.handshake import Handshake

logger = logging.getLogger(__name__)


class Server(NamedTuple):
    """What uvicorn gives each of its protocols."""

    config: Config
    state: Any
    app_state: dict[str, Any]
    loop: asyncio.AbstractEventLoop


class Place(NamedTuple):
    """Where a handshake came, and what it asks for."""

    server: Server
    transport: asyncio.Transport
    holder: asyncio.Protocol
    """The transport's protocol until another one is. It passes on what the transport tells it."""
    asked: Handshake
    bounded: bool
    """The socket has its bound of the kernel's buffer from the listening one."""


class Opening:
    """One handshake, until it is answered. Whoever makes it calls `begin`."""

    __slots__ = ("_asked", "_bounded", "_early", "_holder", "_page", "_server", "_socket", "_transport")

    def __init__(self, place: Place) -> None:
        self._holder: asyncio.Protocol | None
        self._server, self._transport, self._holder, self._asked, self._bounded = place
        self._early: bytes | None = b""
        """What came behind the head; None when nothing more is read."""
        self._socket: SocketTransport | None = None
        scheme = "wss" if is_ssl(self._transport) else "ws"
        self._page: dict[str, Any] = {"type": "websocket", "scheme": scheme, "headers": self._asked.headers}
        """What of the scope says which page asks."""

    def begin(self) -> None:
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Reading goes on, so that the client's leave is noticed."""
        if self._early is None:
            return
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self._transport.pause_reading()

    def _let_go(self) -> None:
        """Another protocol is the transport's from here on. The holder has this one: without a circle both are freed at once."""
        self._server.state.connections.discard(self._holder)
        self._holder = None

    def shutdown(self) -> None:
        """The server stops. Who is not answered yet comes back."""
        if self._early is not None:
            self._early = None
            self._transport.write(unavailable("the server restarts").response(self._server.state.default_headers))
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket:  # asyncio's TLS calls the old protocol, one iteration later
            self._socket.connection_lost(exc)

    def _scope(self, extensions: dict[str, Any]) -> dict[str, Any]:
        """As uvicorn makes it."""
        config = self._server.config
        path, _, query = self._asked.target.partition(b"?")
        root = config.root_path
        return {
            **self._page,
            "asgi": {"version": config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "server": _own_address(self._transport),
            "client": peer_address(self._transport),
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "subprotocols": self._asked.subprotocols,
            "state": self._server.app_state.copy(),
            "extensions": extensions,
        }

    def _carry(self, admission: Admission, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Answer the handshake, with these headers beside those of every answer: the socket is that connection's."""
        early, self._early = self._early or b"", None
        state = self._server.state
        self._transport.write(handshake.answer(self._asked.key, [*state.default_headers, *headers]))
        self._let_go()
        self._socket = socket = SocketTransport(
            self._transport, self._server.loop, state.connections, self._server.config, admission.deflating
        )
        try:
            socket.carry(admission.connect(socket), admission.close, early, bounded=self._bounded)
        except Exception:
            logger.exception("a connection could not be opened")
            self._transport.close()


def peer_address(transport: asyncio.Transport) -> tuple[str, int] | None:
    """None for a Unix socket."""
    address = transport.get_extra_info("peername")
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


def _own_address(transport: asyncio.Transport) -> tuple[str, int | None] | None:
    """The path and None for a Unix socket."""
    address = transport.get_extra_info("sockname")
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    return (address, None) if isinstance(address, str) else None
