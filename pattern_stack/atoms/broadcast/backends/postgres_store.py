"""A channel's place and history in PostgreSQL, and its messages over LISTEN and NOTIFY."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any, NamedTuple
from zlib import crc32

from pattern_stack.atoms.broadcast.backends.postgres_messages import Messages, parts_of
from pattern_stack.atoms.broadcast.backends.postgres_schema import Schema
from pattern_stack.atoms.broadcast.bridge.store import Attendance, Placed, Reading, Store, is_event
from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import KEY_SECONDS, History
from pattern_stack.atoms.broadcast.core.ledger import KEPT_SECONDS, LEASE_SECONDS, Claim
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.postgres import (
    Batch,
    Failed,
    Link,
    LinkDown,
    Row,
    Run,
    Server,
    ServerRejected,
    array,
    in_short,
    integer,
    unpacked,
)
from pattern_stack.errors import BroadcastClosed, BroadcastError, BroadcastUnavailable

_log = LogEvery(logging.getLogger(__name__))

_PATIENCE = 9.0
"""Seconds that a publish or a read waits for the link."""
_PIECE_BYTES = 524_288
"""Of events in one answer. The last of them may go beyond it."""
_BULK = 4_096
"""Of a result that is written on the session for what is big."""
_TOPICS = 1024
"""A server looks through all names that a session listens to for each message: channels share so many."""
_LOST = "the link to PostgreSQL broke, and it cannot be known whether the event was published"
_END = 2**62
_REPEATED, _UNKNOWN = 1, 2
"""What @publish says of a publish: see sql/publish.sql."""


class _Publish(NamedTuple):
    draft: Draft
    window: History
    id: int
    tried: int
    """Milliseconds since it was first tried; -1 where this is the first time."""


_Send = tuple[str, list[str]]
"""Its topic, and its messages."""


class PostgresStore(Store):
    """See sql/tables.sql and sql/publish.sql: where a channel stands is told by the newest of its rows.

    The publishes of one turn of the loop share a transaction, and so do those that come while it is committed. A message
    carries `channel epoch place body`, or no body where it would be too long: then the row is read.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._schema = Schema(prefix)
        self._link = Link(url, self, self._schema.name)
        self._messages = Messages(self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life = ""
        self._publishes = Batch(self._publish_all, lambda publish: len(publish.draft.body))
        self._sends = Batch(self._send_all, lambda send: sum(map(len, send[1])))
        self._positions = Batch(self._read_positions)
        self._followed: dict[str, set[str]] = {}
        """The channels of each topic that is listened to."""
        self._ids = count(secrets.randbits(38) << 24)

    # -- the link

    @property
    def unavailable_reason(self) -> str | None:
        return self._link.trouble

    async def start(self) -> None:
        if self.closed:
            raise BroadcastClosed("the bridge was closed")
        running = asyncio.get_running_loop()
        if self._loop is not None and self._loop.is_closed():
            self.forget_loop()
        if self._loop not in (None, running):
            raise BroadcastError("this bridge is in use on another event loop")
        self._loop = running
        try:
            await self._link.start()
        except ServerRejected as error:
            self._loop = None
            raise BroadcastError(f"PostgreSQL at {self._link.place} cannot be used: {error}") from error

    async def stop(self) -> None:
        if self._loop is asyncio.get_running_loop():
            await self._link.stop()
            self._messages.stop()
            self._loop = None

    def forget_loop(self) -> None:
        self._link.forget()
        self._messages.forget()
        for batch in (self._publishes, self._sends, self._positions):
            batch.forget()
        self._followed.clear()
        self._loop = None

    async def connected(self, run: Run, server: Server) -> None:
        await self._schema.install(run, server)
        self._life = server.life

    def notified(self, name: str, data: bytes) -> None:
        self._messages.take(data)

    async def restored(self) -> None:
        self._messages.stop()
        await self.resumed()

    async def follow(self, channel: str) -> None:
        await self.start()
        topic = self._topic(channel)
        self._followed.setdefault(topic, set()).add(channel)
        try:
            await self._link.follow(topic)
        except LinkDown as error:
            raise BroadcastUnavailable(str(error)) from error

    def unfollow(self, channel: str) -> None:
        topic = self._topic(channel)
        channels = self._followed.get(topic, set())
        channels.discard(channel)
        if not channels:
            self._followed.pop(topic, None)
            self._link.unfollow(topic)

    def follows(self, channel: str) -> bool:
        return channel in self._followed.get(self._topic(channel), ())

    def _topic(self, channel: str) -> str:
        return f"{self._schema.name}_{crc32(channel.encode()) % _TOPICS}"

    # -- statements

    async def publish(self, draft: Draft, window: History) -> Placed:
        """One place, however often the link breaks: a try whose answer was lost is looked for before the next one."""
        id, tried = next(self._ids), list[tuple[float, str]]()

        async def attempt() -> Sequence[bytes | None]:
            began, life = monotonic(), self._life
            if tried and tried[0][1] != life:  # what was committed over there may be here, or not
                raise BroadcastUnavailable(_LOST)
            since = int((began - tried[0][0]) * 1000) + 1_000 if tried else -1
            try:
                return await self._publishes.call(_Publish(draft, window, id, since))
            except LinkDown as error:
                if error.sent:
                    tried.append((began, life))
                raise

        epoch, place, state, body = await self._patiently(attempt)
        if integer(state) == _UNKNOWN:
            raise BroadcastUnavailable(_LOST)
        if integer(state) == _REPEATED:
            body = body if body and is_event(draft.channel, body) else None
            return Placed(epoch.decode(), integer(place), body, repeated=True)
        return Placed(epoch.decode(), integer(place))

    async def _publish_all(self, some: Sequence[_Publish]) -> list[Row]:
        return await self._link.call(
            self._schema.sql("SELECT * FROM @publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
            self._life,
            array(str, [one.draft.channel for one in some]),
            array(str, [self._topic(one.draft.channel) for one in some]),
            array(bytes, [one.draft.body for one in some]),
            array(int, [one.id for one in some]),
            array(int, [one.tried for one in some]),
            array(int, [max(one.window.events, 1) for one in some]),
            array(int, [max(int(one.window.seconds * 1000), 1) for one in some]),
            array(int, [one.window.bytes for one in some]),
            array(str, [one.draft.key for one in some]),
            KEY_SECONDS * 1000,
        )

    async def send(self, draft: Draft) -> None:
        """Once at most: a try whose answer was lost is not repeated."""
        topic, parts = self._topic(draft.channel), parts_of(draft.channel, draft.body, next(self._ids))

        async def attempt() -> None:
            try:
                await self._sends.call((topic, parts))
            except LinkDown as error:
                if not error.sent:
                    raise

        await self._patiently(attempt)

    async def _send_all(self, some: Sequence[_Send]) -> list[Row]:
        topics, parts = zip(*((topic, part) for topic, parts in some for part in parts), strict=True)
        sql = "SELECT pg_notify(topic, part) FROM unnest($1, $2) AS message (topic, part)"
        await self._link.call(sql, array(str, topics), array(str, parts))
        return [()] * len(some)

    async def position(self, channel: str) -> Position:
        epoch, place = await self._patiently(lambda: self._positions.call(channel))
        return Position(epoch.decode(), integer(place))

    async def _read_positions(self, channels: Sequence[str]) -> list[Row]:
        sql = self._schema.sql("SELECT * FROM @positions($1, $2)")
        return await self._link.call(sql, self._life, array(str, channels))

    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading:
        sql = self._schema.sql("SELECT * FROM @read($1, $2, $3, $4, $5, $6)")
        last = _END if until is None else until
        bounds = (channel, since.epoch, min(since.offset, _END), min(last, _END), _PIECE_BYTES)
        newest, *rows = await self._patiently(lambda: self._link.call(sql, self._life, *bounds, bulk=True))
        first, bodies = since.offset + 1, list[bytes]()
        for _, place, body in rows:
            first = first if bodies else integer(place)
            if integer(place) != first + len(bodies) or not is_event(channel, body):
                first += not bodies  # as if it were not there
                break
            bodies.append(body)
        return Reading(newest[0].decode(), integer(newest[1]), first, bodies)

    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        instance, lease, what, *rest = arguments
        sql = self._schema.sql("SELECT * FROM @attend($1, $2, $3, $4, $5)")
        args = array(bytes, [one if isinstance(one, bytes) else str(one).encode() for one in rest])
        call = (sql, channel, instance, lease, what, args)
        ((total, gone, answer),) = await self._patiently(lambda: self._link.call(*call, bulk=what == "look"))
        return Attendance(integer(total), unpacked(gone), unpacked(answer))

    async def claim(self, place: str, key: str, owner: str) -> Claim:
        state, result = await self._record("claim", place, key, owner)
        return Claim(state.decode(), result)

    async def renew(self, place: str, key: str, owner: str) -> None:
        await self._record("renew", place, key, owner)

    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        await self._record("settle", place, key, owner, result)

    async def _record(self, step: str, place: str, key: str, owner: str, result: bytes = b"") -> Any:
        sql = self._schema.sql("SELECT * FROM @ledger($1, $2, $3, $4, $5, $6, $7)")
        times = (int(KEPT_SECONDS * 1000), int(LEASE_SECONDS * 1000))
        call = (sql, step, place, key, owner, *times, result)
        (row,) = await self._patiently(lambda: self._link.call(*call, bulk=len(result) > _BULK))
        return row

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        """Again while the link is down. Raises BroadcastUnavailable after 9 s, or where the server will not do it."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.start()
                while True:
                    try:
                        return await attempt()
                    except LinkDown:
                        await self._link.wait_until_up()
        except TimeoutError:
            raise BroadcastUnavailable(self.unavailable_reason or "PostgreSQL does not answer") from None
        except Failed as error:
            _log.warning("PostgreSQL at %s refused a statement: %s", self._link.place, error)
            raise BroadcastUnavailable(f"PostgreSQL cannot do it: {in_short(error)}") from error
