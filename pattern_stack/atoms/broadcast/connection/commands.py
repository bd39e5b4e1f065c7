"""What one client sends: frames are read, counted, and carried out one after the other, in the order they came."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pattern_stack.atoms.broadcast.connection.command_queues import CommandQueues
from pattern_stack.atoms.broadcast.connection.inbox import Inbox
from pattern_stack.atoms.broadcast.connection.subscriptions import Subscriptions
from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.identity import Identity
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
from pattern_stack.atoms.broadcast.core.sending import Send, SetState
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import run_now
from pattern_stack.errors import BroadcastUnavailable, Unauthenticated

logger = logging.getLogger(__name__)

Verify = Callable[[str], Awaitable[Identity]]
"""The identity that a token proves. Raises Unauthenticated, or BroadcastUnavailable if that cannot be found out now."""

_VIOLATIONS = {"invalid_json", "invalid_message", "invalid_channel", "too_many_channels", "rate_limited"}
_FAILED_AUTH_WORK = 300


@dataclass(frozen=True, slots=True)
class _SubscribeAll:
    """Put the connection on the channels that every connection is on."""


@dataclass(frozen=True, slots=True)
class _Begin:
    """All that a client which cannot speak later subscribes to."""

    command: Subscribe
    done: Callable[[list[CommandError]], None]


Item = Command | CommandError | _SubscribeAll | _Begin
_SHORT = (CommandError, Ping, Refresh, Send)
"""What is over as soon as it is begun."""
_COSTLY = (Subscribe, Refresh, PresenceQuery, SetState)
_NAMING = (Subscribe, Unsubscribe, PresenceQuery)


class Commands:
    """Of one connection. A frame that may have to wait for a hook, a token or a store is carried out in a task; later frames
    wait in an inbox.
    """

    __slots__ = ("_blamed", "_connection", "_inbox", "_instance", "_queues", "_rate_limit", "_subscriptions", "_verify")

    def __init__(
        self, connection: ManagedConnection, subscriptions: Subscriptions, instance: Instance, verify: Verify | None
    ) -> None:
        self._connection = connection
        self._subscriptions = subscriptions
        self._instance = instance
        self._verify = verify
        self._rate_limit = RateLimit(instance.limits, time.monotonic)
        self._queues: CommandQueues | None = None  # most connections send the application nothing
        self._inbox: Inbox[Item] | None = None
        self._blamed = False
        """The frame that is being carried out was counted as a bad one."""

    @property
    def known(self) -> bool:
        """Whether the client may send anything but `auth`."""
        return self._connection.identity is not None or self._verify is None

    @property
    def full(self) -> bool:
        """Whether the transport should stop reading until `resume_reading`."""
        return self._inbox is not None and self._inbox.full

    def cancel(self) -> None:
        """The connection is closed: nothing more is carried out, and a hook that runs for it is cancelled."""
        if self._inbox:
            self._inbox.cancel()
            self._inbox = None

    def charge(self, work: float) -> None:
        self._rate_limit.charge(work)

    def count_violation(self, error: CommandError) -> bool:
        """True if the frame that this error answers is one bad frame too many."""
        if error.code not in _VIOLATIONS or self._blamed:
            return False
        self._blamed = True
        return self._rate_limit.violation()

    def subscribe_all(self) -> None:
        """Put the connection on the channels that every connection is on."""
        if self._instance.everyone:
            self._queue(_SubscribeAll())

    def begin(self, command: Subscribe, done: Callable[[list[CommandError]], None]) -> None:
        """See ClientConnection.open_stream."""
        self._queue(_Begin(command, done))

    def receive(self, data: bytes, binary: bool = False) -> None:
        """A message of the client. Never raises."""
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
        if isinstance(command, Unsubscribe) and self._subscriptions.holds_all(command.channels):
            self._rate_limit.refund()  # each was paid for when it was subscribed
        if (work := self._work(command)) and (wait := self._rate_limit.spend(work)) is not None:
            raise CommandError("rate_limited", "too much is asked for at once", command.id, retry_after=wait)
        return command

    def _work(self, command: Command) -> int:
        """What the command costs: see Limits.work_per_second."""
        if isinstance(command, Auth):
            return int(self._verify is not None)
        if self.known and isinstance(command, _COSTLY):
            return self._subscriptions.cost(command)
        return 0

    def _queue(self, item: Item) -> None:
        if self._inbox is not None:
            self._inbox.add(item)
        elif isinstance(item, _SHORT) and not self._connection.outbox.has_bulk:
            self._carry_out_now(item)
        elif self._waits_for_nothing(item) and not self._connection.outbox.has_bulk:
            self._carry_out_without_task(item)
        else:
            inbox = self._inbox = Inbox(self._carry_out, self._connection.resume_reading, self._inbox_ended)
            inbox.add(item)
            inbox.start(self._instance)

    def _waits_for_nothing(self, item: Item) -> bool:
        """Most clients subscribe to channels without hooks, once: for these a task would take longer than what it does."""
        if not isinstance(item, Subscribe | _SubscribeAll):
            return False
        channels = item.channels if isinstance(item, Subscribe) else ()
        return self.known and self._subscriptions.waits_for_nothing(channels)

    def _carry_out_without_task(self, item: Item) -> None:
        try:
            run_now(self._carry_out(item))
        except asyncio.CancelledError:  # the connection was closed meanwhile
            pass
        except Exception:
            logger.exception("%r failed", item)
            self._connection.close(1011, "internal error")

    def _inbox_ended(self, inbox: Inbox[Item], failed: bool) -> None:
        if self._inbox is inbox:
            self._inbox = None
            self._connection.resume_reading()
            if failed:
                self._connection.close(1011, "internal error")

    def _refuse_names(self, command: Subscribe | Unsubscribe | Refresh | PresenceQuery) -> None:
        for error in protocol.invalid_channels(command, self._instance.limits):
            self._connection.refuse(error)

    def _carry_out_now(self, item: CommandError | Ping | Refresh | Send) -> None:
        self._blamed = False
        if not self.known and not isinstance(item, CommandError):
            item = CommandError("unauthenticated", 'the first frame must be {"auth": TOKEN}', item.id)
        match item:
            case CommandError():
                self._connection.refuse(item)
            case Ping():
                self._connection.send(protocol.pong(item.value, item.id))
            case Refresh():
                self._refuse_names(item)
                self._subscriptions.refresh(item)
            case Send():
                self._queues = self._queues or CommandQueues(self._connection, self._instance)
                self._queues.send(item, self._subscriptions.member(item.channel))

    async def _carry_out(self, item: Item) -> None:
        await self._connection.written()
        self._blamed = False
        if self.known and isinstance(item, _NAMING):
            self._refuse_names(item)
        match item:
            case Auth():
                await self._authenticate(item)
            case _SubscribeAll():
                await self._subscriptions.subscribe_all()
            case _Begin():
                item.done(await self._subscriptions.begin(item.command))
            case CommandError() | Ping() | Refresh() | Send():
                self._carry_out_now(item)
            case _ if not self.known:
                self._carry_out_now(CommandError("unauthenticated", 'the first frame must be {"auth": TOKEN}', item.id))
            case _:
                await self._carry_out_on_channels(item)

    async def _carry_out_on_channels(self, item: Item) -> None:
        match item:
            case Subscribe():
                await self._subscriptions.subscribe(item)
            case Unsubscribe():
                await self._subscriptions.unsubscribe(item)
            case PresenceQuery():
                await self._subscriptions.presence(item)
            case SetState():
                await self._subscriptions.set_state(item)

    async def _authenticate(self, command: Auth) -> None:
        was_known = self.known
        if self._verify is not None:
            try:
                identity = await self._verify(command.token)
            except Unauthenticated as error:
                self.charge(_FAILED_AUTH_WORK)
                self._connection.refuse(CommandError("unauthenticated", str(error), command.id))
                return
            except BroadcastUnavailable as error:
                self._connection.close(1013, str(error))
                return
            if was_known and self._connection.identity and not self._connection.identity.is_same_user(identity):
                self._connection.close(4403, "the token is another user's")
                return
            self._connection.identity = identity
            self._connection.watch_expiry()
            if was_known:
                await self._subscriptions.reauthorize(command.id)
            else:
                await self._subscriptions.subscribe_all()
        if command.id is not None:
            self._connection.send(protocol.authenticated(command.id))
