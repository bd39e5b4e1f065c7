"""Journals in PostgreSQL: see sql/journal.sql."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pattern_stack.atoms.broadcast.bridge.journal import (
    ENDED_SECONDS,
    KEPT_SECONDS,
    SETTLING_SECONDS,
    Appended,
    JournalReading,
    Journals,
    Step,
)
from pattern_stack.atoms.broadcast.bridge.store import OutcomeUnknown
from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.postgres import Row, array, integer

T = TypeVar("T")

_KEPT, _ENDED, _SETTLING = (int(seconds * 1000) for seconds in (KEPT_SECONDS, ENDED_SECONDS, SETTLING_SECONDS))


class Statements(Protocol):
    """What it uses of the store."""

    @property
    def life(self) -> str: ...

    def next_id(self) -> int: ...

    def topic(self, channel: str) -> str: ...

    async def carry_out(self, statement: str, *parameters: Any, bulk: bool = False) -> list[Row]: ...

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T: ...


class PostgresJournals(Journals):
    def __init__(self, store: Statements) -> None:
        self._store = store

    async def append(self, channel: str, step: Step, bodies: Sequence[bytes], window: History) -> Appended:
        ids = [self._store.next_id() for _ in bodies]
        bounds = (max(window.events, 1), max(int(window.seconds * 1000), 1), window.bytes)
        is_again = False

        async def attempt() -> list[Row]:
            nonlocal is_again
            tried, is_again = is_again, True
            return await self._store.carry_out(
                "SELECT * FROM @journal_append($1, $2, $3, $4, $5, $6, $7, $8, $9::bytea, $10::bigint = 1, $11::bigint = 1,"
                " $12, $13, $14, $15, $16, $17, $18, $19)",
                *(self._store.life, channel, self._store.topic(channel), step.after, step.follows, step.id),
                *(step.entry, step.about, step.snapshot, int(step.ends), int(tried)),
                *(array(bytes, bodies), array(int, ids), *bounds, _KEPT, _ENDED, _SETTLING),
                bulk=True,
            )

        ((life, state),) = await self._store.patiently(attempt)
        assert life is not None
        assert state is not None
        if state == b"unknown":
            raise OutcomeUnknown("the link to PostgreSQL broke, and it cannot be known whether the entry was written")
        return Appended(state.decode(), life.decode())  # type: ignore[arg-type]

    async def read(self, channel: str, number: int, id: str) -> JournalReading:
        sql = "SELECT * FROM @journal_read($1, $2, $3, $4, $5, $6)"
        first, *entries = await self._ask(sql, lambda life: (life, channel, number, id, _KEPT, _SETTLING))
        life, state, last, last_id, epoch, place, snapshot = first
        if state != b"there":
            return JournalReading(state.decode(), life.decode())
        position = Position(epoch.decode(), integer(place))
        bodies = [entry[-1] for entry in entries]
        return JournalReading("there", life.decode(), integer(last), last_id.decode(), position, snapshot, bodies)

    async def compact(self, channel: str, number: int, id: str, snapshot: bytes) -> None:
        await self._ask("SELECT @journal_compact($1, $2, $3, $4)", lambda _: (channel, number, id, snapshot))

    async def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes | None) -> bool:
        sql = "SELECT @journal_offer($1, $2, $3, $4, $5, $6::bytea, $7)::int"
        ((wanted,),) = await self._ask(sql, lambda life: (life, channel, number, id, about, snapshot, _KEPT))
        return integer(wanted) == 1

    async def all(self) -> list[tuple[str, bytes]]:
        sql = "SELECT channel, about FROM @journals WHERE ended IS NULL AND expires > clock_timestamp()"
        return [(channel.decode(), about or b"") for channel, about in await self._ask(sql, lambda _: ())]

    async def life(self) -> str:
        ((life,),) = await self._ask("SELECT @life_of($1)", lambda life: (life,))
        text: str = life.decode()
        return text

    async def _ask(self, sql: str, parameters: Callable[[str], tuple[Any, ...]]) -> Any:
        """`parameters` is given the life of the server that is asked."""

        async def attempt() -> list[Row]:
            return await self._store.carry_out(sql, *parameters(self._store.life), bulk=True)

        return await self._store.patiently(attempt)
