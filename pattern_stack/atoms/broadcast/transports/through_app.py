"""A handshake that the application answers. Of an endpoint of ours the socket is carried at once; for any other answer uvicorn's
own protocol takes the socket over, and the application goes on with that.

uvicorn alone would read the head twice, and make its parser and its queue for each socket, before the application is asked.
"""

import asyncio
import logging
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from pattern_stack.atoms.broadcast.transports.admission import Admission
from pattern_stack.atoms.broadcast.transports.handoff import EXTENSION
from pattern_stack.atoms.broadcast.transports.opening import Opening, Place
from pattern_stack.atoms.broadcast.transports.uvicorn import UvicornProtocol
from pattern_stack.atoms.broadcast.websocket.subprotocols import SUBPROTOCOL

logger = logging.getLogger("uvicorn.error.fastlane")


class AppHandshake(Opening):
    """One socket, from its head until a SocketTransport or a UvicornProtocol has it. `head` is what uvicorn would read."""

    __slots__ = (
        "_accept",
        "_app",
        "_changed",
        "_head",
        "_lost",
        "_protocol",
        "_running",
        "_taken",
        "_told",
        "_uvicorn",
    )

    def __init__(self, place: Place, app: ASGIApp, head: bytes) -> None:
        super().__init__(place)
        self._app = app
        self._head = head
        self._running: asyncio.Task[None] | None = None
        self._told = False
        """The application has heard of the handshake."""
        self._taken = False
        """An endpoint of ours is about to accept."""
        self._accept: Message = {}
        self._lost = False
        self._changed = asyncio.Event()
        """The application does not have the socket any longer, or has it through uvicorn."""
        self._protocol: UvicornProtocol | None = None
        self._uvicorn: tuple[Receive, Send] | None = None
        """What uvicorn's protocol gives an application."""

    def begin(self) -> None:
        scope = self._scope({"websocket.http.response": {}, EXTENSION: self})
        task = self._server.loop.create_task(self._run(scope))
        if self._protocol is None:  # eager tasks may be further
            self._server.state.tasks.add(task)
        task.add_done_callback(self._ended)

    async def _run(self, scope: Scope) -> None:
        self._running = asyncio.current_task()
        try:
            await self._app(scope, self.receive, self.send)
        except (SystemExit, KeyboardInterrupt) as error:  # a task that raises them ends the server
            raise RuntimeError("the application has raised what ends a process") from error

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._server.state.tasks.discard(task)
        if self._protocol is None and not self._socket and self._transport.is_closing():
            self._lose()
        if self._socket or self._lost:
            error = None if task.cancelled() else task.exception()
            if error and not isinstance(error, ClientDisconnected):
                logger.error("Exception in ASGI application", exc_info=error)
        elif self._protocol is None:  # it has not answered: uvicorn says so, to the client and to the log
            self._give_to_uvicorn()

    # -- what the application hears and says

    async def receive(self) -> Message:
        if not self._told:
            self._told = True
            return {"type": "websocket.connect"}
        await self._changed.wait()
        if self._uvicorn:
            return await self._uvicorn[0]()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: Message) -> None:
        if self._socket:
            raise ClientDisconnected
        if self._protocol is None:
            if self._taken and not self._accept and message["type"] == "websocket.accept":
                self._accept = message  # with what a middleware may have added
                return
            self._give_to_uvicorn()
        await self._changed.wait()
        if self._uvicorn is None:
            raise ClientDisconnected
        await self._send_by_uvicorn(self._uvicorn[1], message)

    async def _send_by_uvicorn(self, send: Send, message: Message) -> None:
        accept, self._accept = self._accept, {}
        if accept:  # it was held back, and a middleware says more behind it
            await send(accept)
        await send(message)

    # -- an endpoint of ours answers

    def take(self) -> None:
        """Called before the accept: it is written by `carry`."""
        self._taken = True

    def carry(self, admission: Admission) -> None:
        """Called behind the accept: from here on the socket is that connection's. Where a middleware has answered otherwise,
        there is none."""
        if self._protocol:
            if self._protocol.handshake_complete and not self._protocol.close_sent:
                self._protocol.carry(admission)
            return
        if self._lost or self._transport.is_closing():
            return
        headers = [(name.lower(), value) for name, value in self._accept.get("headers", ())]
        if subprotocol := self._accept.get("subprotocol"):
            headers.append((SUBPROTOCOL, subprotocol.encode()))
        self._carry(admission, headers)
        self._changed.set()

    # -- what else is asked of a protocol of uvicorn's

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def conn(self) -> object:
        """What has parsed its frames."""
        return self._protocol and self._protocol.conn

    @property
    def handshake_complete(self) -> bool:
        """uvicorn's protocol has answered, or is told that nothing more is to be said."""
        return self._protocol is not None and self._protocol.handshake_complete

    @handshake_complete.setter
    def handshake_complete(self, is_complete: bool) -> None:
        if self._protocol:
            self._protocol.handshake_complete = is_complete

    # -- uvicorn answers

    def _give_to_uvicorn(self) -> None:
        if self._lost or self._transport.is_closing():
            self._lose()
            return
        early, self._early = self._early or b"", None
        self._protocol = protocol = UvicornProtocol(*self._server, self._go_on)
        self._let_go()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._head)
        if protocol.close_sent:  # its parser is not content with the head
            self._lose()
            return
        if self._running:  # uvicorn's task, which waits for it, counts
            self._server.state.tasks.discard(self._running)
        protocol.queue.get_nowait()  # websocket.connect, of which the application has heard
        self._uvicorn = cast(Receive, protocol.receive), protocol.send
        self._changed.set()
        if early:
            protocol.data_received(early)

    async def _go_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What uvicorn takes for the application: it ends with the application."""
        if self._running:
            await self._running

    # -- its end

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._protocol and not self._protocol.disconnected:  # asyncio's TLS, as in Opening
            self._protocol.connection_lost(exc)
        self._lose()

    def _lose(self) -> None:
        self._lost = True
        self._changed.set()
