"""One client's connection: who it is, what it sends and receives, and how it ends."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from pattern_stack.atoms.broadcast.connection.commands import Commands, Verify
from pattern_stack.atoms.broadcast.connection.subscriptions import Subscriptions
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import check_close_code
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Subscribe
from pattern_stack.atoms.broadcast.core.transport import Transport
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame, chunks

_DROPPING = frozenset({4401, 4403})
"""Codes that end a right to read: what waits for the client is dropped."""
_ORDINARY = frozenset({1000, 1001, 1012})
"""Codes of ends that say nothing of the client."""
_TOO_SLOW = 4408
_REASON_BYTES = 123

_HOUR = 3600


class ClientConnection:
    """One client, from the moment that its transport has it to the loss of its socket."""

    __slots__ = (
        "__weakref__",
        "_bulk_written",
        "_commands",
        "_id",
        "_instance",
        "_opened",
        "_taken_before",
        "_timer",
        "_transport",
        "closed",
        "identity",
        "opened_at",
        "outbox",
        "revoked",
        "subscriptions",
    )

    def __init__(
        self, instance: Instance, transport: Transport, identity: Identity | None, verify: Verify | None
    ) -> None:
        self._id = ""
        self._instance = instance
        self._transport = transport
        self.identity = identity
        self._bulk_written: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.outbox = Outbox(transport, instance.limits.outbox_bytes, self, instance.counters)
        self.subscriptions = Subscriptions(self, instance)
        self._commands = Commands(self, self.subscriptions, instance, verify)
        self.closed = self.revoked = False
        self._opened = False
        self.opened_at = time.time()
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
    def lane(self) -> str:
        """What carries it: `websocket` or `stream`."""
        return self._transport.lane

    @property
    def full(self) -> bool:
        """Whether the transport should stop reading until `resume_reading`."""
        return self._commands.full

    # -- its life

    def open(self, refusal: tuple[int, str] | None) -> None:
        """Called once, by the transport. `refusal`: the code and reason to close with at once."""
        self._instance.connections.add(self)
        self._instance.ensure_control()
        self._opened = True
        self._instance.news.debug("opened", "opened a connection", self)
        if refusal:
            self.close(*refusal)
        elif self._instance.connections.draining or self._instance.closed:
            self.close(1012, "retry-after=1.0")
        elif not self._commands.known:
            self._timer = self._instance.loop_owner.loop.call_later(
                self._instance.limits.auth_seconds, self.close, 4401, "no token came"
            )
        else:
            self._admitted()

    def open_stream(self, command: Subscribe, done: Callable[[list[CommandError]], None]) -> None:
        """Called once, instead of `open`, by a transport that carries frames to the client alone. The client is known.

        `done` is called when the client is on its channels: with nothing, or with the refusals where it is on none. It is not
        called where the connection closes before.
        """
        self._instance.connections.add(self)
        self._instance.ensure_control()
        self._opened = True
        self.watch_expiry()
        if not self.closed:
            self._commands.begin(command, done)

    def _admitted(self) -> None:
        """Known now: subscribed to the channels that every connection is on, for as long as the identity holds."""
        self.watch_expiry()
        if not self.closed:
            self._commands.subscribe_all()

    def watch_expiry(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        left = self.identity.seconds_left(time.time()) if self.identity else None
        if left is None:
            return
        if left <= 0:
            self.close(4401, "expired")
        else:  # looked at again now and then, for wall clocks are set
            self._timer = self._instance.loop_owner.loop.call_later(min(left, _HOUR), self.watch_expiry)

    def close(self, code: int, reason: str = "", *, drop: bool = False) -> None:
        """See Connection. With `drop`, and with 4401 and 4403, what waits for the client is dropped."""
        check_close_code(code)
        if self.closed:
            return
        self.revoked = code in _DROPPING
        reason = reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore")
        if self._opened:
            self._instance.counters.closes[code] += 1
            self._instance.counters.slow_consumers += code == _TOO_SLOW
            self._log_close(code, reason)
        self._leave()
        self._instance.connections.start_closing(self)
        self._transport.expire(self._instance.limits.close_seconds)
        self.outbox.close(code, reason, drop or code in _DROPPING)

    def _log_close(self, code: int, reason: str) -> None:
        log = self._instance.news.debug if code in _ORDINARY else self._instance.news.info
        log(f"closed {code}", "closed a connection", self, code=code, reason=reason)

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

    def lost(self, code: int | None = 1006) -> None:
        """The socket is gone. Called once, by the transport. `code`: that of a close which was not this connection's; None
        where the client was refused, and there was nothing to close."""
        if self._opened and not self.closed and code is not None:
            self._instance.counters.closes[code] += 1
            self._instance.news.debug("left", "a client has left", self, code=code)
        self.outbox.clear()
        if not self.closed:
            self._leave()
        if self._opened:
            self._instance.news.debug("gone", "a connection is gone", self)
            self._instance.connections.remove(self)

    def _leave(self) -> None:
        self.closed = True
        if self._timer:
            self._timer.cancel()
        self._commands.cancel()
        self._instance.showing.pop(self._id, None)
        self.subscriptions.drop()
        self._transport.resume_reading()

    # -- called by its outbox

    def too_slow(self) -> None:
        # called in the midst of a fan-out, which must not change who is on the channel
        self._instance.loop_owner.loop.call_soon(lambda: self.close(_TOO_SLOW, "too slow", drop=True))

    def bulk_written(self) -> None:
        if self._bulk_written and not self._bulk_written.done():
            self._bulk_written.set_result(None)

    def channel_ended(self, channel: str) -> None:
        self.subscriptions.channel_ended(channel)

    def revoke(self, channel: str) -> None:
        self.subscriptions.revoke(channel)

    def reauthorize(self) -> None:
        self._instance.spawn(self.subscriptions.reauthorize(None))

    # -- what it is sent

    def send(self, *frames: Frame, bulk: bool = False) -> None:
        self._instance.hub.flush_to(self.outbox)
        for batch in chunks(frames) if bulk else (Batch(frames),):
            if self.outbox.take(batch, bulk=bulk):
                self._instance.counters.wrote(batch, 1)

    def tell(self, error: CommandError) -> None:
        """Send an error frame that counts as nothing."""
        self._log_refusal(error)
        self.send(protocol.error_frame(error))

    def note(self, error: CommandError) -> None:
        """Count and log an error that is answered in place of a frame."""
        self._instance.counters.refused[error.code] += 1
        self._log_refusal(error)

    def _log_refusal(self, error: CommandError) -> None:
        told = {"code": error.code, "reason": str(error), "channel": error.channel}
        self._instance.news.info(f"refused {error.code}", "refused a frame", self, **told)

    def refuse(self, error: CommandError) -> None:
        self.tell(error)
        if self._commands.count_violation(error):
            self.close(1008, "too many bad frames")

    def wrote(self, batch: Batch) -> None:
        """Called by a transport that counts what it writes."""
        self._instance.counters.wrote(batch, 1)

    async def written(self) -> None:
        """Wait until no snapshot or replay waits: a client that asks for more than it reads waits for itself."""
        while self.outbox.has_bulk:
            if self._bulk_written is None or self._bulk_written.done():
                self._bulk_written = self._instance.loop_owner.loop.create_future()
            await asyncio.shield(self._bulk_written)

    def charge(self, work: float) -> None:
        self._commands.charge(work)

    # -- what it sends

    def receive(self, data: bytes, binary: bool = False) -> None:
        """A message of the client. Never raises."""
        if self.closed:
            return
        if len(data) > self._instance.limits.message_bytes:
            self.close(1009, f"a message has at most {self._instance.limits.message_bytes} bytes")
            return
        self._commands.receive(data, binary)

    def resume_reading(self) -> None:
        self._transport.resume_reading()
