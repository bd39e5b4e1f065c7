"""One client's connection: who it is, what it sends and receives, and how it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pattern_stack.atoms.broadcast.connection.inbox import Inbox
from pattern_stack.atoms.broadcast.connection.subscriptions import Subscriptions
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.core.protocol import (
    Auth,
    Command,
    CommandError,
    Ping,
    PresenceQuery,
    Refresh,
    Subscribe,
    Unsubscribe,
)
from pattern_stack.atoms.broadcast.core.rate_limit import RateLimit
from pattern_stack.atoms.broadcast.core.transport import Transport
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame, chunks
from pattern_stack.errors import Unauthenticated

Verify = Callable[[str], Awaitable[Identity]]
"""The identity that a token proves. Raises Unauthenticated."""

_VIOLATIONS = {"invalid_json", "invalid_message", "invalid_channel", "too_many_channels", "rate_limited"}
_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
_DROPPING = frozenset({4401, 4403})
"""Codes that end a right to read: what waits for the client is dropped."""
_REASON_BYTES = 123

_HOUR = 3600
_FAILED_AUTH_WORK = 300


@dataclass(frozen=True, slots=True)
class _SubscribeAll:
    """Put the connection on the channels that every connection is on."""


Item = Command | CommandError | _SubscribeAll


class ClientConnection:
    """One client. Its frames are carried out one after the other, in the order they came.

    A frame that may have to wait for a hook, a token or a store is carried out in a task; later frames wait in an inbox.
    """

    __slots__ = (
        "__weakref__",
        "_blamed",
        "_bulk_written",
        "_id",
        "_inbox",
        "_instance",
        "_opened",
        "_rate_limit",
        "_taken_before",
        "_timer",
        "_transport",
        "_verify",
        "closed",
        "identity",
        "outbox",
        "subscriptions",
    )

    def __init__(
        self, instance: Instance, transport: Transport, identity: Identity | None, verify: Verify | None
    ) -> None:
        self._id = ""
        self._instance = instance
        self._transport = transport
        self.identity = identity
        self._verify = verify
        self._rate_limit = RateLimit(instance.limits, time.monotonic)
        self._inbox: Inbox[Item] | None = None
        self._bulk_written: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.outbox = Outbox(transport, instance.limits.outbox_bytes, self)
        self.subscriptions = Subscriptions(self, instance)
        self.closed = False
        self._opened = False
        self._blamed = False
        """The frame that is being carried out was counted as a bad one."""
        self._taken_before: int | None = None

    @property
    def id(self) -> str:
        self._id = self._id or uuid4().hex
        return self._id

    @property
    def user(self) -> Any:
        return self.identity.user if self.identity else None

    @property
    def limits(self) -> Limits:
        return self._instance.limits

    @property
    def channels(self) -> Iterable[str]:
        return self.subscriptions.channels

    @property
    def queued(self) -> bool:
        return self._transport.queued

    @property
    def known(self) -> bool:
        """Whether it may send anything but `auth`."""
        return self.identity is not None or self._verify is None

    # -- its life

    def open(self, refusal: tuple[int, str] | None) -> None:
        """Called once, by the transport. `refusal`: the code and reason to close with at once."""
        self._instance.connections.add(self)
        self._opened = True
        if refusal:
            self.close(*refusal)
        elif self._instance.connections.draining or self._instance.closed:
            self.close(1012, "retry-after=1.0")
        elif not self.known:
            self._timer = self._instance.loop_owner.loop.call_later(
                self._instance.limits.auth_seconds, self.close, 4401, "no token came"
            )
        else:
            self._admitted()

    def _admitted(self) -> None:
        """Known now: subscribed to the channels that every connection is on, for as long as the identity holds."""
        self._watch_expiry()
        if self._instance.everyone and not self.closed:
            self._queue(_SubscribeAll())

    def _watch_expiry(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        left = self.identity.seconds_left(time.time()) if self.identity else None
        if left is None:
            return
        if left <= 0:
            self.close(4401, "expired")
        else:  # looked at again now and then, for wall clocks are set
            self._timer = self._instance.loop_owner.loop.call_later(min(left, _HOUR), self._watch_expiry)

    def close(self, code: int, reason: str = "", *, drop: bool = False) -> None:
        """See Connection. With `drop`, and with 4401 and 4403, what waits for the client is dropped."""
        if code not in _CODES and not 3000 <= code < 5000:
            raise ValueError(f"{code} is no code to close with; an application's own are 3000 to 4999")
        if self.closed:
            return
        reason = reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore")
        self._leave()
        self._instance.connections.start_closing(self)
        self._transport.expire(self._instance.limits.close_seconds)
        self.outbox.close(code, reason, drop or code in _DROPPING)

    def abort(self) -> None:
        self._transport.abort()

    def check(self) -> None:
        """A peer that took nothing since the last call, though something waits for it, is dead.

        A server's own pings do not end it: their close waits behind what the peer does not take.
        """
        taken = self._transport.taken if self.outbox.blocked else None
        if taken is None or self._taken_before is None:
            self._taken_before = taken
        elif taken <= self._taken_before:
            self.abort()
        else:
            self._taken_before = taken

    def lost(self) -> None:
        """The socket is gone. Called once, by the transport."""
        self.outbox.clear()
        if not self.closed:
            self._leave()
        if self._opened:
            self._instance.connections.remove(self)

    def _leave(self) -> None:
        self.closed = True
        if self._timer:
            self._timer.cancel()
        if self._inbox:
            self._inbox.cancel()
            self._inbox = None
        self.subscriptions.drop()
        self._transport.resume_reading()

    # -- called by its outbox

    def too_slow(self) -> None:
        # called in the midst of a fan-out, which must not change who is on the channel
        self._instance.loop_owner.loop.call_soon(lambda: self.close(4408, "too slow", drop=True))

    def bulk_written(self) -> None:
        if self._bulk_written and not self._bulk_written.done():
            self._bulk_written.set_result(None)

    def channel_ended(self, channel: str) -> None:
        self.subscriptions.channel_ended(channel)

    # -- what it is sent

    def send(self, *frames: Frame, bulk: bool = False) -> None:
        self._instance.hub.flush()
        for batch in chunks(frames) if bulk else (Batch(frames),):
            self.outbox.take(batch, bulk=bulk)

    def refuse(self, error: CommandError) -> None:
        self.send(protocol.error_frame(error))
        if error.code in _VIOLATIONS and not self._blamed:
            self._blamed = True
            if self._rate_limit.violation():
                self.close(1008, "too many bad frames")

    async def written(self) -> None:
        """Wait until no snapshot or replay waits: a client that asks for more than it reads waits for itself."""
        while self.outbox.has_bulk:
            if self._bulk_written is None or self._bulk_written.done():
                self._bulk_written = self._instance.loop_owner.loop.create_future()
            await asyncio.shield(self._bulk_written)

    def charge(self, work: float) -> None:
        self._rate_limit.charge(work)

    # -- what it sends

    def receive(self, data: bytes, binary: bool = False) -> None:
        """A message of the client. Never raises."""
        if self.closed:
            return
        if len(data) > self._instance.limits.message_bytes:
            self.close(1009, f"a message has at most {self._instance.limits.message_bytes} bytes")
            return
        try:
            self._queue(self._read(data, binary))
        except CommandError as error:
            self._queue(error)

    def _read(self, data: bytes, binary: bool) -> Command:
        wait = self._rate_limit.admit()
        if binary:
            raise CommandError("invalid_message", "a frame is text, not binary")
        command = protocol.parse(data, self._instance.limits)
        if wait is not None:
            text = f"more than {self._instance.limits.frames_per_second:g} frames a second"
            raise CommandError("rate_limited", text, command.id, retry_after=wait)
        if (work := self._work(command)) and (wait := self._rate_limit.spend(work)) is not None:
            raise CommandError("rate_limited", "too much is asked for at once", command.id, retry_after=wait)
        return command

    def _work(self, command: Command) -> int:
        """What the command costs: see Limits.work_per_second."""
        if isinstance(command, Auth):
            return int(self._verify is not None)
        if self.known and isinstance(command, Subscribe | Refresh | PresenceQuery):
            return self.subscriptions.cost(command)
        return 0

    @property
    def full(self) -> bool:
        """Whether the transport should stop reading until `resume_reading`."""
        return self._inbox is not None and self._inbox.full

    def _queue(self, item: Item) -> None:
        if self._inbox is not None:
            self._inbox.add(item)
        elif isinstance(item, CommandError | Ping | Refresh) and not self.outbox.has_bulk:
            self._carry_out_now(item)
        else:
            inbox = self._inbox = Inbox(self._carry_out, self._transport.resume_reading, self._inbox_ended)
            inbox.add(item)
            inbox.start(self._instance)

    def _inbox_ended(self, inbox: Inbox[Item], failed: bool) -> None:
        if self._inbox is inbox:
            self._inbox = None
            self._transport.resume_reading()
            if failed:
                self.close(1011, "internal error")

    def _refuse_names(self, command: Subscribe | Unsubscribe | Refresh | PresenceQuery) -> None:
        for error in protocol.invalid_channels(command, self._instance.limits):
            self.refuse(error)

    def _carry_out_now(self, item: CommandError | Ping | Refresh) -> None:
        self._blamed = False
        if not self.known and not isinstance(item, CommandError):
            item = CommandError("unauthenticated", 'the first frame must be {"auth": TOKEN}', item.id)
        match item:
            case CommandError():
                self.refuse(item)
            case Ping():
                self.send(protocol.pong(item.value, item.id))
            case Refresh():
                self._refuse_names(item)
                self.subscriptions.refresh(item)

    async def _carry_out(self, item: Item) -> None:
        await self.written()
        self._blamed = False
        if self.known and isinstance(item, Subscribe | Unsubscribe | PresenceQuery):
            self._refuse_names(item)
        match item:
            case Auth():
                await self._authenticate(item)
            case _SubscribeAll():
                await self.subscriptions.subscribe_all(self._instance.everyone)
            case CommandError() | Ping() | Refresh():
                self._carry_out_now(item)
            case _ if not self.known:
                self._carry_out_now(CommandError("unauthenticated", 'the first frame must be {"auth": TOKEN}', item.id))
            case Subscribe():
                await self.subscriptions.subscribe(item)
            case Unsubscribe():
                await self.subscriptions.unsubscribe(item)
            case PresenceQuery():
                await self.subscriptions.presence(item)

    async def _authenticate(self, command: Auth) -> None:
        was_known = self.known
        if self._verify is not None:
            try:
                self.identity = await self._verify(command.token)
            except Unauthenticated as error:
                self.charge(_FAILED_AUTH_WORK)
                self.refuse(CommandError("unauthenticated", str(error), command.id))
                return
            self._watch_expiry()
            if was_known:
                await self.subscriptions.reauthorize(command.id)
            else:
                await self.subscriptions.subscribe_all(self._instance.everyone)
        if command.id is not None:
            self.send(protocol.authenticated(command.id))
