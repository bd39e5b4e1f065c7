"""Journals in the broker of the workers of one host: see atoms/ipc/broker/journals.py."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pattern_stack.atoms.broadcast.bridge.journal import Appended, JournalReading, Journals, Step
from pattern_stack.atoms.broadcast.bridge.store import OutcomeUnknown
from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.ipc.frames import cut
from pattern_stack.atoms.ipc.link import Link

T = TypeVar("T")


class Calls(Protocol):
    """What it uses of the store."""

    @property
    def link(self) -> Link: ...

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T: ...


class IPCJournals(Journals):
    """A broker that dies before it has answered has told nobody of the events, and takes the entries with it."""

    def __init__(self, store: Calls) -> None:
        self._store = store

    async def append(self, channel: str, step: Step, bodies: Sequence[bytes], window: History) -> Appended:
        bounds = (max(window.events, 1), window.seconds, window.bytes)
        about = (step.after, step.follows, step.id, step.ends)
        parts = (step.entry, step.about, step.snapshot or b"", *bodies)
        is_again = False

        async def attempt() -> tuple[list[Any], bytes]:
            nonlocal is_again
            tried, is_again = is_again, True
            body, sizes = b"".join(parts), list(map(len, parts))
            return await self._store.link.call("journal_append", channel, bounds, about, sizes, tried, body=body)

        (life, state), _ = await self._store.patiently(attempt)
        if state == "unknown":
            raise OutcomeUnknown("the link broke, and it cannot be known whether the entry was written")
        return Appended(state, life)

    async def read(self, channel: str, number: int, id: str) -> JournalReading:
        (life, state, *rest), body = await self._call("journal_read", channel, number, id)
        if state != "there":
            return JournalReading(state, life)
        last, last_id, epoch, offset, has_snapshot, sizes = rest
        snapshot, *entries = cut(body, sizes)
        position = Position(epoch, offset)
        return JournalReading("there", life, last, last_id, position, snapshot if has_snapshot else None, entries)

    async def compact(self, channel: str, number: int, id: str, snapshot: bytes) -> None:
        await self._call("journal_compact", channel, number, id, body=snapshot)

    async def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes | None) -> bool:
        parts = (about, snapshot or b"")
        sizes = list(map(len, parts))
        (wanted,), _ = await self._call("journal_offer", channel, number, id, sizes, body=b"".join(parts))
        return bool(wanted)

    async def all(self) -> list[tuple[str, bytes]]:
        (names, sizes), body = await self._call("journal_all")
        return list(zip(names, cut(body, sizes), strict=True))

    async def life(self) -> str:
        (life, _), _ = await self._call("journal_read", "", 0, "")
        text: str = life
        return text

    async def _call(self, call: str, *arguments: Any, body: bytes = b"") -> tuple[list[Any], bytes]:
        return await self._store.patiently(lambda: self._store.link.call(call, *arguments, body=body))
