"""The link of one computer to the others of its fleet."""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import orjson

from pattern_stack.atoms.cache import Interest
from pattern_stack.atoms.clock import Clock, iso
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.redis import Link, LinkDown, ResponseError, ServerRejected
from pattern_stack.atoms.tasks import Tasks
from pattern_stack.errors import BroadcastError
from pattern_stack.features.fleet.core import heartbeat
from pattern_stack.features.fleet.core.change import StateChange
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.keys import Keys
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.resources import RESOURCES, SHARED
from pattern_stack.features.fleet.core.state import FleetState
from pattern_stack.features.fleet.errors import EntryTooLarge, FleetFull, Malformed
from pattern_stack.features.fleet.streams import OutgoingEntry, StreamReader, StreamWriter

logger = logging.getLogger(__name__)

_INBOX_MESSAGES = 2_000


class _Message(NamedTuple):
    data: bytes
    wants_full: bool


class PeerLink:
    """Sends this computer's heartbeats and changes to the others, and applies theirs to the state.

    `publish` is awaited with the changes that follow. `heartbeat_now` is called when a heartbeat has to be sent at once.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        heartbeat_seconds: float,
        state: FleetState,
        interest: Interest,
        clock: Clock,
        limits: FleetLimits,
        *,
        publish: Callable[[list[StateChange]], Awaitable[None]],
        heartbeat_now: Callable[[], None],
    ) -> None:
        self._keys = Keys(prefix)
        self._own_channel = self._keys.wake(state.name).encode()
        self._link = Link(url, self, prefix)
        self._state = state
        self._interest = interest
        self._clock = clock
        self._limits = limits
        self._publish = publish
        self._heartbeat_now = heartbeat_now
        self._expiry_ms = int(2_000 * heartbeat_seconds)
        self._instance = secrets.token_hex(8)
        self._connection = 0
        self._writer = StreamWriter(self._link, self._keys, state.name, state.forget_peer)
        self._reader = StreamReader(
            self._link,
            self._keys.events(state.name),
            limits.entry_bytes,
            received=self._apply_entry,
            oversized=self._skip_oversized,
            lost=self._request_resync,
        )
        self._inbox: deque[_Message] = deque()
        self._to_ask: set[str] = set()
        self._wakeup = asyncio.Event()
        self.skipped = 0
        """Heartbeats and entries that were malformed, or over a limit, since the start."""
        self._log = LogEvery(logger)

    @property
    def trouble(self) -> str | None:
        return self._link.trouble

    async def start(self, tasks: Tasks) -> None:
        """Returns when the link is up, or when Redis did not answer: it tries on. Raises BroadcastError where Redis refuses."""
        for channel in (self._own_channel, self._keys.heartbeats.encode()):
            with contextlib.suppress(LinkDown):  # it is followed once the link is up
                await self._link.follow(channel)
        tasks.start("the fleet's writer", self._writer.run())
        tasks.start("the fleet's reader", self._reader.run())
        tasks.start("the fleet's listener", self._listen())
        try:
            await self._link.start()
        except ServerRejected as error:
            raise BroadcastError(f"the fleet's Redis at {self._link.place} cannot be used: {error}") from error

    async def stop(self) -> None:
        await self._link.stop()
        self._writer.take()
        self._inbox.clear()

    # -- sending

    async def send_heartbeat(self) -> None:
        """Does nothing while the link is down: `restored` sends one."""
        value, key = self._heartbeat(), self._keys.heartbeat(self._state.name)
        try:
            await asyncio.gather(
                self._link.call(key, "SET", key, value, "PX", self._expiry_ms),
                self._link.call(key, "PUBLISH", self._keys.heartbeats, value),
            )
        except LinkDown:
            pass
        except ResponseError as error:
            logger.warning("no heartbeat was sent: Redis says %s", error)

    def _heartbeat(self) -> bytes:
        shown = self._state.own_computer().model_dump(include={"last_seen", "user", "host", "role", "system_stats"})
        return Heartbeat(
            computer=self._state.name,
            interested_in=self._interest.kinds(),
            instance=self._instance,
            connection=self._connection,
            **shown,
        ).encode()

    def interest_changed(self) -> None:
        self._reader.set_active(any(resource in SHARED for resource in self._interest.kinds()))

    def send(self, change: StateChange) -> None:
        """To the computers that watch its resource, in the order of these calls. Never waits."""
        self._append(self._state.watchers(change.resource), change.event, change.payload)

    def _append(self, targets: list[str], event: str, payload: object) -> None:
        if targets:
            data, now = orjson.dumps(payload), iso(self._clock())
            for target in targets:
                self._writer.put(OutgoingEntry(target, event, data, now))

    def request_full_state(self, computer: str) -> None:
        """Ask it for all records of what is watched here. Never waits."""
        if self._interest.kinds():
            self._to_ask.add(computer)
            self._wakeup.set()

    def _request_resync(self) -> None:
        """Entries of others may be lost: with a new connection number, all of them send all their records."""
        self._connection += 1
        self._heartbeat_now()

    # -- receiving

    def message(self, channel: bytes, data: bytes) -> None:
        """Of the channel of all heartbeats, or of this computer's own one."""
        if channel == self._own_channel:
            self._reader.wake()
            if not data:
                return
        if len(data) > heartbeat.MAX_BYTES:
            self._skip(Malformed(f"a heartbeat of {len(data)} bytes; it has at most {heartbeat.MAX_BYTES}"))
        elif len(self._inbox) >= _INBOX_MESSAGES:
            self._skip(FleetFull(f"{_INBOX_MESSAGES} heartbeats wait"))
        else:
            self._inbox.append(_Message(data, wants_full=channel == self._own_channel))
            self._wakeup.set()

    async def restored(self) -> None:
        """Reconnected: reset the peer state and request a full resync, for entries may be lost both ways."""
        await self._reader.start_at_end()
        self._writer.take()
        self._state.forget_peers()
        self._connection += 1
        for value in await asyncio.gather(*map(self._get, await self._heartbeat_keys())):
            if value is not None:
                await self._apply_heartbeat(value, live=False)
        self._heartbeat_now()
        self._reader.wake()

    async def _heartbeat_keys(self) -> list[str]:
        keys = [key.decode(errors="replace") for key in await self._link.scan(self._keys.heartbeat_pattern)]
        most = self._limits.computers + 1
        if len(keys) > most:
            self._skip(FleetFull(f"{len(keys)} computers have a heartbeat; {most} are read (FleetLimits.computers)"))
        return keys[:most]

    async def _get(self, key: str) -> bytes | None:
        try:
            # no more than shows that it is too long
            value: bytes = await self._link.call(key, "GETRANGE", key, 0, heartbeat.MAX_BYTES)
        except ResponseError as error:  # it holds no string
            self._skip(Malformed(f"{key!r:.200}: {error}"))
            return None
        return value or None

    async def _listen(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._inbox:
                message = self._inbox.popleft()
                await self._apply_heartbeat(message.data, live=True, wants_full=message.wants_full)
            while self._to_ask:
                await self._ask(self._to_ask.pop())

    async def _ask(self, computer: str) -> None:
        try:
            await self._link.call(computer, "PUBLISH", self._keys.wake(computer), self._heartbeat())
        except (LinkDown, ResponseError) as error:
            logger.info("%s was not asked for its records: %s", computer, error)

    async def _apply_heartbeat(self, data: bytes, *, live: bool, wants_full: bool = False) -> None:
        had_conflict = bool(self._state.name_conflicts)
        try:
            beat = Heartbeat.decode(data)
            if beat.instance == self._instance:
                return
            result = self._state.apply_heartbeat(beat, live=live, wants_full=wants_full)
        except (FleetFull, Malformed) as error:
            self._skip(error)
            return
        for resource in result.send_full:
            self._append([beat.computer], RESOURCES[resource].full_entry or "", self._state.full_state(resource))
        if result.request_full:
            self.request_full_state(beat.computer)
        if not had_conflict and (hosts := self._state.name_conflicts):
            logger.error("another computer is online under the name %s, on the host %r", self._state.name, hosts[0])
            self._heartbeat_now()  # so that it learns of this one at once
        await self._publish(result.changes)

    async def _apply_entry(self, fields: Mapping[bytes, bytes]) -> None:
        try:
            changes = self._state.apply_entry(Entry.decode(fields))
        except (FleetFull, Malformed) as error:
            self._skip(error)
            return
        await self._publish(changes)

    def _skip_oversized(self, size: int) -> None:
        self._skip(
            EntryTooLarge(f"an entry of {size} bytes; {self._limits.entry_bytes} are read (FleetLimits.entry_bytes)")
        )

    def _skip(self, error: Exception) -> None:
        self.skipped += 1
        self._log.warning("skipped a message of another computer (%d so far): %s", self.skipped, error)
