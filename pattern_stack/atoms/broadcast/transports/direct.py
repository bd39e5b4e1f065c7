"""A handshake that goes to an endpoint past the application: one coroutine where `authenticate` is asked, else none."""

import asyncio
import logging
from typing import Any, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.transports.admission import Admission
from pattern_stack.atoms.broadcast.transports.handoff import EARLY_BYTES, Direct
from pattern_stack.atoms.broadcast.transports.refusal import Refusal
from pattern_stack.atoms.broadcast.transports.socket import SocketTransport
from pattern_stack.atoms.broadcast.websocket import handshake
from pattern_stack.atoms.broadcast.websocket.handshake import Handshake
from pattern_stack.atoms.broadcast.websocket.subprotocols import SUBPROTOCOL

logger = logging.getLogger(__name__)


class DirectHandshake(asyncio.Protocol):
    """One socket, from its head until it is refused or a SocketTransport has it."""

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        direct: Direct,
        asked: Handshake,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._loop = loop
        self._direct = direct
        self._door = direct.door
        self._asked = asked
        self._early: bytes | None = b""
        """What came behind the head; None when nothing more is read."""
        self._asking: asyncio.Task[Identity] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._socket: SocketTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(self)
        scheme = "wss" if is_ssl(self._transport) else "ws"
        self._scope = {"type": "websocket", "scheme": scheme, "headers": self._asked.headers}
        refusal = self._door.check_origin(self._scope)
        if refusal is None and self._door.asks:
            self._ask()
        else:
            self._answer(None, refusal)

    def data_received(self, data: bytes) -> None:
        """Reading goes on, so that the client's leave is noticed."""
        if self._early is None:
            return
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self._transport.pause_reading()

    # -- who it is

    def _ask(self) -> None:
        task = self._asking = self._loop.create_task(self._door.identify(self._whole_scope()))
        self._state.tasks.add(task)
        self._timer = self._loop.call_later(self._door.hook_seconds, self._took_too_long)
        task.add_done_callback(self._identified)

    def _whole_scope(self) -> dict[str, Any]:
        path, _, query = self._asked.target.partition(b"?")
        root = self._config.root_path
        return {
            **self._scope,
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "subprotocols": _subprotocols(self._asked),
            "state": self._app_state.copy(),
            "extensions": {},
            **self._direct.scope,
        }

    def _identified(self, task: "asyncio.Task[Identity]") -> None:
        self._state.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._stop_asking() is None:  # it took too long, or the client has gone
            return
        if isinstance(error, Exception):
            self._answer(None, self._door.refusal_of(error))
        elif error or task.cancelled():  # the server stops
            self._transport.close()
        else:
            self._answer(task.result(), None)

    def _took_too_long(self) -> None:
        task = self._stop_asking()
        if task:
            task.cancel()  # a thread that blocks cannot be ended: nobody waits for it any longer
            self._answer(None, self._door.took_too_long())

    def _stop_asking(self) -> "asyncio.Task[Identity] | None":
        task, self._asking = self._asking, None
        if self._timer:
            self._timer.cancel()
        return task

    # -- what it gets

    def _answer(self, identity: Identity | None, refusal: Refusal | None) -> None:
        admission = self._door.admit(self._scope, identity, refusal)
        delay = self._door.refusal_delay(self._address) if admission.refusal else 0
        if delay:
            self._timer = self._loop.call_later(delay, self._finish, admission)
        else:
            self._finish(admission)

    @property
    def _address(self) -> str:
        return (get_remote_addr(self._transport) or ("",))[0]

    def _finish(self, admission: Admission) -> None:
        early, self._early = self._early or b"", None
        headers = self._state.default_headers
        if admission.refusal and not any(name == b"origin" for name, _ in self._asked.headers):
            self._transport.write(admission.refusal.response(headers))
            self._transport.close()
            return
        selected = [(SUBPROTOCOL, admission.subprotocol.encode())] if admission.subprotocol else []
        self._transport.write(handshake.answer(self._asked.key, headers + admission.headers + selected))
        self._state.connections.discard(self)
        siblings = self._state.connections
        self._socket = SocketTransport(self._transport, self._loop, siblings, self._config, admission.deflating)
        try:
            self._socket.carry(admission.connect(self._socket), admission.close, early)
        except Exception:
            logger.exception("a connection could not be opened")
            self._transport.close()

    # -- its end

    def shutdown(self) -> None:
        """The server stops."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._socket:  # asyncio's TLS calls the old protocol, one iteration later
            self._socket.connection_lost(exc)
            return
        self._state.connections.discard(self)
        task = self._stop_asking()
        if task:
            task.cancel()


def _subprotocols(asked: Handshake) -> list[str]:
    offers = [value.decode("latin-1") for name, value in asked.headers if name == b"sec-websocket-protocol"]
    return [token.strip() for offer in offers for token in offer.split(",")]
