"""The HTTP endpoint of an application: GET streams, POST takes one frame, OPTIONS is for pages of other origins."""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakMethod

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.protocol import CommandError
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.transports.admission import Admission, Door
from pattern_stack.atoms.broadcast.transports.endpoint import release_dependencies
from pattern_stack.atoms.broadcast.transports.refusal import Refusal
from pattern_stack.atoms.broadcast.transports.sse.answers import (
    STREAM_HEADERS,
    closed,
    cors,
    preflight,
    refused,
    refused_command,
)
from pattern_stack.atoms.broadcast.transports.sse.guard import admitted
from pattern_stack.atoms.broadcast.transports.sse.leave import Leave
from pattern_stack.atoms.broadcast.transports.sse.posts import Posts
from pattern_stack.atoms.broadcast.transports.sse.shutdown import Shutdown
from pattern_stack.atoms.broadcast.transports.sse.stream import StreamTransport
from pattern_stack.atoms.broadcast.transports.sse.wish import wish_of

Serve = Callable[[Scope, Receive, Send], Awaitable[None]]


class StreamEndpoint:
    """One HTTP path. It answers errors itself: they have one form, whatever the application has installed."""

    def __init__(self, instance: Instance, door: Door) -> None:
        self._instance = instance
        self._door = door
        self._shutdown = Shutdown()
        self._posts = Posts(instance, door)

    def add_to(self, router: APIRouter, path: str) -> None:
        """Routes, so that the dependencies of the routers around them hold as for any other. They do not keep this object."""
        serves: dict[str, Serve] = {"GET": self._stream, "POST": self._posts.serve, "OPTIONS": self._preflight}
        for method, serve in serves.items():
            router.add_api_route(path, _route(serve), methods=[method], include_in_schema=False)

    # -- GET

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        leave = Leave(receive)
        try:
            admission = await admitted(self._door, scope, leave.watch())
            if isinstance(admission, Refusal):
                headers = cors(scope) if admission.code != 1008 else ()
                await refused(admission, headers)(scope, receive, send)
            elif admission is not None:
                await self._carry(admission, scope, leave, send)
        finally:
            await leave.stop_watching()

    async def _carry(self, admission: Admission, scope: Scope, leave: Leave, send: Send) -> None:
        if self._instance.connections.draining or self._instance.closed:
            await closed(1012, "the server restarts", cors(scope))(scope, leave.receive, send)
            return
        transport = StreamTransport(send, leave.server)
        connection = admission.connect(transport)
        transport.carry(connection)
        code: int | None = 1006
        try:
            refusal = await self._joined(connection, transport, scope, leave.watch())
            if isinstance(refusal, Response):
                code = None
                await refusal(scope, leave.receive, send)
            elif not leave.watch().done():
                with self._shutdown.watching(connection):
                    await transport.run([*STREAM_HEADERS, *cors(scope)], leave.watch())
        finally:
            connection.lost(code)

    async def _joined(
        self, connection: ClientConnection, transport: StreamTransport, scope: Scope, gone: "asyncio.Task[None]"
    ) -> Response | None:
        """None where the client is on a channel, or has gone."""
        try:
            refusals = await transport.begin(wish_of(scope, self._instance.limits), gone)
        except CommandError as error:
            refusals = [error]
        if transport.closing:
            return closed(*transport.closing, cors(scope))
        for refusal in refusals:
            connection.note(refusal)
        return refused_command(refusals[0], cors(scope)) if refusals else None

    # -- OPTIONS

    async def _preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._door.check_origin(scope)
        await (refused(refusal) if refusal else preflight(cors(scope)))(scope, receive, send)


class _Served(Response):
    """A response that is made while it is sent, when FastAPI has nothing to do with it any more."""

    def __init__(self, serve: Serve) -> None:
        self.background = None
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await release_dependencies(scope)
        await self._serve(scope, receive, send)


def _route(serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """FastAPI keeps the functions of routes for good: this one does not keep the endpoint, and its application, alive."""
    weakly = WeakMethod(serve)

    async def respond(request: Request) -> Response:
        served = weakly()
        assert served is not None
        return _Served(served)

    return respond
