"""One frame over HTTP: `send`, `ping` or `presence`, each answered by its reply."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import replace

from starlette.responses import Response
from starlette.types import Receive, Scope
from starlette.types import Send as ASGISend

from pattern_stack.atoms.broadcast.connection.command_queues import CommandQueues
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.connection.membership import Membership
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.protocol import Command, CommandError, Ping, PresenceQuery
from pattern_stack.atoms.broadcast.core.rate_limit import RateLimit
from pattern_stack.atoms.broadcast.core.sending import Send
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.transports.admission import Admission, Door
from pattern_stack.atoms.broadcast.transports.refusal import Refusal
from pattern_stack.atoms.broadcast.transports.sse.answers import (
    Header,
    answer,
    closed,
    cors,
    refused,
    refused_command,
)
from pattern_stack.atoms.broadcast.transports.sse.guard import address_of, admitted
from pattern_stack.atoms.broadcast.transports.sse.leave import Leave
from pattern_stack.atoms.broadcast.transports.sse.replies import Replies

_MOST_CLIENTS = 10_000


class Posts:
    """Of one endpoint. Each request is authenticated anew, and counts in the rate limit of its user, or of its address where
    there is none. At most 10,000 of these are remembered, the latest."""

    def __init__(self, instance: Instance, door: Door) -> None:
        self._instance = instance
        self._door = door
        self._limits: OrderedDict[object, RateLimit] = OrderedDict()

    async def serve(self, scope: Scope, receive: Receive, send: ASGISend) -> None:
        body = await _body(receive, self._instance.limits.message_bytes)
        leave = Leave(receive)
        try:
            admission = await admitted(self._door, scope, leave.watch())
        finally:
            await leave.stop_watching()
        if isinstance(admission, Refusal):
            response = refused(admission, cors(scope) if admission.code != 1008 else ())
        elif admission is None:
            return
        else:
            response = await self._answer(admission, scope, body)
        await response(scope, receive, send)

    async def _answer(self, admission: Admission, scope: Scope, body: bytes | None) -> Response:
        headers = cors(scope)
        if self._instance.connections.draining or self._instance.closed:
            return closed(1012, "the server restarts", headers)
        replies = Replies()
        connection = admission.connect(replies)
        self._instance.loop_owner.acquire()
        try:
            command = self._read(body, connection, self._limit_of(connection, scope))
            return await self._carry_out(command, connection, replies, headers)
        except CommandError as error:
            connection.note(error)
            return refused_command(error, headers, 413 if body is None else None)
        finally:
            connection.lost()
            self._instance.loop_owner.release()

    def _limit_of(self, connection: ClientConnection, scope: Scope) -> RateLimit:
        identity = connection.identity
        key = address_of(scope) if identity is None or identity.key is None else (identity.key,)
        limit = self._limits.pop(key, None) or RateLimit(self._instance.limits, time.monotonic)
        self._limits[key] = limit
        if len(self._limits) > _MOST_CLIENTS:
            self._limits.popitem(last=False)
        return limit

    def _read(self, body: bytes | None, connection: ClientConnection, limit: RateLimit) -> Command:
        if body is None:
            raise CommandError("invalid_message", f"a frame has at most {self._instance.limits.message_bytes} bytes")
        if (wait := limit.admit()) is not None:
            text = f"more than {self._instance.limits.frames_per_second:g} frames a second"
            raise CommandError("rate_limited", text, retry_after=wait)
        command = protocol.parse(body, self._instance.limits)
        if not isinstance(command, Ping | PresenceQuery | Send):
            raise CommandError("invalid_message", "over HTTP a frame is one of send, ping, presence")
        work = connection.subscriptions.cost(command) if isinstance(command, PresenceQuery) else 0
        if work and (wait := limit.spend(work)) is not None:
            raise CommandError("rate_limited", "too much is asked for at once", retry_after=wait)
        return command

    async def _carry_out(
        self, command: Command, connection: ClientConnection, replies: Replies, headers: list[Header]
    ) -> Response:
        if isinstance(command, Ping):
            return answer(protocol.pong(command.value, command.id).data, 200, headers)
        if isinstance(command, Send):
            await self._send(command if command.id is not None else replace(command, id=0), connection, replies)
            return replies.response(headers)
        assert isinstance(command, PresenceQuery)
        for error in protocol.invalid_channels(command, self._instance.limits):
            raise error
        await connection.subscriptions.presence(command if command.id is not None else replace(command, id=0))
        return replies.response(headers)

    async def _send(self, command: Send, connection: ClientConnection, replies: Replies) -> None:
        """`authorize` is asked in place of being on the channel. It is carried out to its end, whether or not the client
        waits for it."""
        spec, params = self._instance.channels.match(command.channel) or (None, {})
        member = Membership(command.channel, spec, params, by_client=True)
        try:
            await member.authorize(connection, self._instance)
        except Exception as error:
            raise member.refusal(error, command.id, self._instance) from error
        CommandQueues(connection, self._instance).send(command, member)
        await replies.arrived.wait()


async def _body(receive: Receive, limit: int) -> bytes | None:
    """None where there is more than may be. What is too much is read to its end: closing over unread bytes resets the
    connection, and the client would not see the answer."""
    parts, size, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        more = message.get("more_body", False) and size < 64 * limit
    return b"".join(parts) if size <= limit else None
