"""One socket, in either lane: what it may say, who it is, and how it ends."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

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
from pattern_stack.atoms.broadcast.instance.loop import run_now
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame, chunks
from pattern_stack.errors import Unauthenticated

Verify = Callable[[str], Awaitable[Identity]]
"""The identity that a token proves. Raises Unauthenticated."""

_VIOLATIONS = {"invalid_json", "invalid_message", "invalid_channel", "too_many_channels", "rate_limited"}
_INBOX = 16
_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class _SubscribeAll:
    """The server's own wish: put it on the channels that every connection is on."""

    channels: tuple[str, ...]


Item = Command | CommandError | _SubscribeAll


class Connection:
    """One client. Frames are carried out one after the other, in the order they came.

    A frame that has to wait for a hook is carried out in a task; the ones behind it wait in a short inbox.
    """

    __slots__ = (
        "__weakref__",
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
        "_worker",
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
        self._inbox: deque[Item] | None = None  # most frames are carried out at once
        self._worker: asyncio.Task[None] | None = None
        self._bulk_written: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.outbox = Outbox(transport, instance.limits.outbox_bytes, self)
        self.subscriptions = Subscriptions(self, instance)
        self.closed = False
        self._opened = False
        self._taken_before: int | None = None

    @property
    def id(self) -> str:
        """Its own, and random."""
        self._id = self._id or uuid4().hex
        return self._id

    @property
    def user(self) -> Any:
        """What `authenticate` or `verify_token` said; None before, and where the application asks for nothing."""
        return self.identity.user if self.identity else None

    @property
    def limits(self) -> Limits:
        return self._instance.limits

    @property
    def known(self) -> bool:
        """Whether it may say anything but who it is."""
        return self.identity is not None or self._verify is None

    # -- its life

    def open(self, refusal: tuple[int, str] | None) -> None:
        """Called once, by the lane. `refusal`: the code and reason to close with at once."""
        self._instance.add(self)
        self._opened = True
        if refusal:
            self.close(*refusal)
        elif self._instance.draining or self._instance.closed:
            self.close(1012, "retry-after=1.0")
        elif not self.known:
            self._timer = self._instance.loop_owner.loop.call_later(
                self._instance.limits.auth_seconds, self.close, 4401, "no token came"
            )
        else:
            self._admitted()

    def _admitted(self) -> None:
        """Known now: on every channel that each connection is on, and as long as the identity holds."""
        self._watch_expiry()
        if self._instance.everyone and not self.closed:
            self._queue(_SubscribeAll(self._instance.everyone))

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
        """Off every channel at once; a close frame behind what waits, or (`drop`) instead of it.

        A reason of more than 123 bytes is cut. ValueError for a code that no server may send.
        """
        if code not in _CODES and not 3000 <= code < 5000:
            raise ValueError(f"{code} is no code to close with; an application's own are 3000 to 4999")
        if self.closed:
            return
        reason = reason.encode(errors="replace")[:123].decode(errors="ignore")
        self._leave()
        self._instance.closing.add(self)
        self._transport.expire(self._instance.limits.close_seconds)
        self.outbox.close(code, reason, drop)

    def abort(self) -> None:
        self._transport.abort()

    def check(self) -> None:
        """Called now and then: a peer that took nothing since the last time, though something waits for it, is dead.

        A server's own pings do not end it: their close waits behind what the peer does not take.
        """
        taken = self._transport.taken if self.outbox.blocked else None
        if taken is None or self._taken_before is None:
            self._taken_before = taken
        elif taken <= self._taken_before:  # less: the server's own pings have joined what waits
            self.abort()
        else:
            self._taken_before = taken

    def lost(self) -> None:
        """The socket is gone: called once, by the lane."""
        self.outbox.clear()
        if not self.closed:
            self._leave()
        if self._opened:
            self._instance.remove(self)

    def _leave(self) -> None:
        self.closed = True
        self._instance.connections.discard(self)
        self._inbox = None
        if self._timer:
            self._timer.cancel()
        if self._worker:
            self._worker.cancel()
        self.subscriptions.drop()
        self._transport.resume_reading()

    # -- what its outbox tells

    def too_slow(self) -> None:
        """Called in the midst of a fan-out, which must not be disturbed."""
        self._instance.loop_owner.loop.call_soon(lambda: self.close(4408, "too slow", drop=True))

    def bulk_written(self) -> None:
        if self._bulk_written and not self._bulk_written.done():
            self._bulk_written.set_result(None)

    def channel_ended(self, channel: str) -> None:
        self.subscriptions.channel_ended(channel)

    # -- what it sends

    def send(self, *frames: Frame, bulk: bool = False) -> None:
        """Behind every event that was published before."""
        self._instance.hub.flush()
        for batch in chunks(frames) if bulk else (Batch(frames),):
            self.outbox.take(batch, bulk=bulk)

    def refuse(self, refused: CommandError) -> None:
        self.send(protocol.error(refused))
        if refused.code in _VIOLATIONS and self._rate_limit.violation():
            self.close(1008, "too many bad frames")

    # -- what it receives

    def receive(self, data: bytes, binary: bool = False) -> None:
        """A message. Never raises."""
        if self.closed:
            return
        self._instance.activity += 1
        if len(data) > self._instance.limits.message_bytes:
            self.close(1009, f"a message has at most {self._instance.limits.message_bytes} bytes")
            return
        try:
            self._queue(self._read(data, binary))
        except CommandError as refused:
            self._queue(refused)

    def _read(self, data: bytes, binary: bool) -> Command:
        admitted = self._rate_limit.admit()
        if binary:
            raise CommandError("invalid_message", "a frame is text, not binary")
        command = protocol.parse(data, self._instance.limits)
        if not admitted:
            raise CommandError(
                "rate_limited", f"more than {self._instance.limits.frames_per_second:g} frames a second", command.id
            )
        return command

    @property
    def full(self) -> bool:
        """Whether the lane should stop reading until `resume_reading`."""
        return self._inbox is not None and len(self._inbox) >= _INBOX

    async def _written(self) -> None:
        """Until no snapshot or replay waits: a client that asks for more than it reads waits for itself."""
        while self.outbox.has_bulk:
            self._bulk_written = self._instance.loop_owner.loop.create_future()
            await self._bulk_written

    def _queue(self, item: Item) -> None:
        if self._worker is None and not self._waits(item):
            run_now(self._carry_out(item))
            return
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(item)
        if self._worker is None:
            self._instance.busy(+1)
            self._worker = self._instance.spawn(self._work())
            self._worker.add_done_callback(lambda _: self._instance.busy(-1))

    def _waits(self, item: Item) -> bool:
        """Whether carrying it out may take more than this turn: a hook, a token, a replay that the transport paces."""
        if self.outbox.has_bulk:
            return True
        if isinstance(item, Auth):
            return self._verify is not None
        return not isinstance(item, CommandError | Ping | Refresh) and self.subscriptions.waits(item.channels)

    async def _work(self) -> None:
        try:
            while self._inbox:
                await self._written()
                item = self._inbox.popleft()
                if not self.full:
                    self._transport.resume_reading()
                await self._carry_out(item)
        finally:
            self._worker = None
            self._inbox = self._inbox or None
            if self._inbox and not self.closed:
                self.close(1011, "internal error")

    async def _carry_out(self, item: Item) -> None:
        if not self.known and not isinstance(item, Auth | CommandError):
            item = CommandError("unauthenticated", 'the first frame must be {"auth": TOKEN}', getattr(item, "id", None))
        match item:
            case CommandError():
                self.refuse(item)
            case Ping():
                self.send(protocol.pong(item.value, item.id))
            case Auth():
                await self._authenticate(item)
            case Subscribe():
                await self.subscriptions.subscribe(item)
            case Unsubscribe():
                await self.subscriptions.unsubscribe(item)
            case Refresh():
                self.subscriptions.refresh(item)
            case PresenceQuery():
                await self.subscriptions.presence(item)
            case _SubscribeAll():
                await self.subscriptions.subscribe_all(item.channels)

    async def _authenticate(self, command: Auth) -> None:
        known = self.known
        if self._verify is not None:
            try:
                self.identity = await self._verify(command.token)
            except Unauthenticated as error:
                self.refuse(CommandError("unauthenticated", str(error), command.id))
                return
            self._watch_expiry()
            await (
                self.subscriptions.reauthorize(command.id)
                if known
                else self.subscriptions.subscribe_all(self._instance.everyone)
            )
        if command.id is not None:
            self.send(protocol.authenticated(command.id))
