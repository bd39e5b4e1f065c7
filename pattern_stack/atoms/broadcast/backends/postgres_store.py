"""A channel's place and history in PostgreSQL, and its messages over LISTEN and NOTIFY."""

import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from pattern_stack.atoms.broadcast.backends.postgres_journals import PostgresJournals
from pattern_stack.atoms.broadcast.backends.postgres_link import Statements
from pattern_stack.atoms.broadcast.backends.postgres_messages import parts_of
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE, Attendance, OutcomeUnknown, Placed, Reading, is_event
from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import KEY_SECONDS, History
from pattern_stack.atoms.broadcast.core.ledger import KEPT_SECONDS, LEASE_SECONDS, Claim
from pattern_stack.atoms.postgres import (
    Batch,
    LinkDown,
    Row,
    array,
    integer,
    unpacked,
)

T = TypeVar("T")

_PIECE_BYTES = 524_288
"""Of events in one answer. The last of them may go beyond it."""
_BULK = 4_096
"""Of a result that is written on the session for what is big."""
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


class PostgresStore(Statements):
    """See sql/tables.sql and sql/publish.sql: where a channel stands is told by the newest of its rows.

    The publishes of one turn of the loop share a transaction, and so do those that come while it is committed. A message
    carries `channel epoch place body`, or no body where it would be too long: then the row is read.
    """

    def __init__(self, url: str, prefix: str, patience: float = PATIENCE) -> None:
        super().__init__(url, prefix)
        self.patience = patience
        self._publishes = Batch(self._publish_all, lambda publish: len(publish.draft.body))
        self._sends = Batch(self._send_all, lambda send: sum(map(len, send[1])))
        self._positions = Batch(self._read_positions)
        self._ids = count(secrets.randbits(38) << 24)
        self.journals = PostgresJournals(self)

    def forget_loop(self) -> None:
        super().forget_loop()
        for batch in (self._publishes, self._sends, self._positions):
            batch.forget()

    async def publish(self, draft: Draft, window: History) -> Placed:
        """One place, however often the link breaks: a try whose answer was lost is looked for before the next one."""
        id, tried = next(self._ids), list[tuple[float, str]]()

        async def attempt() -> Any:
            began, life = monotonic(), self._life
            if tried and tried[0][1] != life:  # what was committed over there may be here, or not
                raise OutcomeUnknown(_LOST)
            since = int((began - tried[0][0]) * 1000) + 1_000 if tried else -1
            try:
                return await self._publishes.call(_Publish(draft, window, id, since))
            except LinkDown as error:
                if error.sent:
                    tried.append((began, life))
                raise

        epoch, place, state, body = await self._patiently(attempt, math.inf if draft.patient else None)
        if integer(state) == _UNKNOWN:
            raise OutcomeUnknown(_LOST)
        if integer(state) == _REPEATED:
            body = body if body and is_event(draft.channel, body) else None
            return Placed(epoch.decode(), integer(place), body, repeated=True)
        return Placed(epoch.decode(), integer(place))

    async def _publish_all(self, some: Sequence[_Publish]) -> list[Row]:
        return await self.carry_out(
            "SELECT * FROM @publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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

    async def begin_anew(self, channel: str) -> None:
        async def attempt() -> list[Row]:
            return await self.carry_out("SELECT @anew($1, $2, $3)", self._life, channel, self._topic(channel))

        await self._patiently(attempt)

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
        await self.carry_out(sql, array(str, topics), array(str, parts))
        return [()] * len(some)

    async def position(self, channel: str) -> Position:
        row: Any = await self._patiently(lambda: self._positions.call(channel))
        epoch, place = row
        return Position(epoch.decode(), integer(place))

    async def _read_positions(self, channels: Sequence[str]) -> list[Row]:
        return await self.carry_out("SELECT * FROM @positions($1, $2)", self._life, array(str, channels))

    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading:
        bounds = (min(since.offset, _END), _END if until is None else min(until, _END), _PIECE_BYTES)
        newest, *rows = await self._read(channel, since.epoch, *bounds)
        first, bodies = since.offset + 1, list[bytes]()
        for _, place, body in rows:
            first = first if bodies else integer(place)
            if integer(place) != first + len(bodies) or not is_event(channel, body):
                first += not bodies  # as if it were not there
                break
            bodies.append(body)
        return Reading(newest[0].decode(), integer(newest[1]), first, bodies)

    async def _read(self, *bounds: Any) -> Any:
        """With the life of the server that is asked."""

        async def attempt() -> list[Row]:
            return await self.carry_out("SELECT * FROM @read($1, $2, $3, $4, $5, $6)", self._life, *bounds, bulk=True)

        return await self._patiently(attempt)

    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        instance, lease, what, *rest = arguments
        sql = "SELECT * FROM @attend($1, $2, $3, $4, $5)"
        args = array(bytes, [one if isinstance(one, bytes) else str(one).encode() for one in rest])
        ((total, gone, answer),) = await self.ask(sql, channel, instance, lease, what, args, bulk=what == "look")
        return Attendance(integer(total), unpacked(gone), unpacked(answer))

    @property
    def life(self) -> str:
        """Of the server that it is connected to."""
        return self._life

    def next_id(self) -> int:
        """Of one more publish."""
        return next(self._ids)

    def topic(self, channel: str) -> str:
        """The name that the channel's messages come under."""
        return self._topic(channel)

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """See LinkedStore."""
        return await self._patiently(attempt)

    async def claim(self, place: str, key: str, owner: str) -> Claim:
        state, result = await self._record("claim", place, key, owner)
        return Claim(state.decode(), result)

    async def renew(self, place: str, key: str, owner: str) -> None:
        await self._record("renew", place, key, owner)

    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        await self._record("settle", place, key, owner, result)

    async def _record(self, step: str, place: str, key: str, owner: str, result: bytes = b"") -> Any:
        sql = "SELECT * FROM @ledger($1, $2, $3, $4, $5, $6, $7)"
        times = (int(KEPT_SECONDS * 1000), int(LEASE_SECONDS * 1000))
        (row,) = await self.ask(sql, step, place, key, owner, *times, result, bulk=len(result) > _BULK)
        return row

    async def rows(self, place: str, most: int, oldest: float, what: str, *arguments: Any) -> Any:
        key, old, new, at, tags, count, before = _about_rows(what, *arguments)
        ((data, total, following),) = await self.ask(
            "SELECT * FROM @rows($1, $2, $3, $4, $5, $6::text, $7::text, $8, $9, $10, $11::bigint)",
            *(place, most, float(oldest), what, key, old, new, float(at), array(str, tags), count, before),
            bulk=True,
        )
        texts = [one.decode() for one in unpacked(data)]
        if what == "get":
            return texts[0] if texts else None
        if what == "page":
            return texts, integer(total), None if following is None else integer(following)
        return texts if what == "keys" else bool(integer(total)) if what == "swap" else integer(total)


def _about_rows(what: str, *arguments: Any) -> tuple[Any, ...]:
    """What the function takes, of what the steps of a table take: see atoms/table.py."""
    if what == "get":
        return arguments[0], None, None, 0, (), 0, None
    if what == "swap":
        key, old, new, at, tags = arguments
        return key, old, new, at, tags, 0, None
    tags, *page = arguments
    limit, before = page or (0, None)
    return "", None, None, 0, tags, limit, before
