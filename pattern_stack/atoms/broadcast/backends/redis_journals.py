"""Journals in Redis: see lua/journal.lua."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pattern_stack.atoms.broadcast.backends.redis_scripts import lua_script
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
from pattern_stack.atoms.redis import Link

T = TypeVar("T")

_NAMES = "!journals"
"""Whose key `names` is the set of all channels with a journal."""
_AT_ONCE = 256
_TIMES = tuple(int(seconds * 1000) for seconds in (KEPT_SECONDS, ENDED_SECONDS, SETTLING_SECONDS))


class Scripts(Protocol):
    """What it uses of the store."""

    @property
    def link(self) -> Link: ...

    def topic(self, channel: str) -> bytes: ...

    async def run_script(
        self, script: str, channel: str, keep: int, own: tuple[str, str], *arguments: Any, bulk: bool = False
    ) -> Any: ...

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T: ...


class RedisJournals(Journals):
    """A journal is named before it begins, and until after it has ended: what `all` finds may be gone, and nothing is hidden."""

    def __init__(self, store: Scripts) -> None:
        self._store = store
        self._script = lua_script("epoch", "place", "journal")

    async def append(self, channel: str, step: Step, bodies: Sequence[bytes], window: History) -> Appended:
        if not step.after:
            await self._name("SADD", channel)
        again = ""

        async def attempt() -> Any:
            nonlocal again
            tried, again = again, "again"
            about = (step.after, step.follows, step.entry, step.snapshot or b"", step.about)
            rest = (*_TIMES, tried, "ends" if step.ends else "", *bodies)
            return await self._run("append", channel, step.id, window, *about, *rest)

        life, state = await self._store.patiently(attempt)
        if state == b"unknown":
            raise OutcomeUnknown("the link to Redis broke, and it cannot be known whether the entry was written")
        if step.ends:
            await self._name("SREM", channel)
        return Appended(state.decode(), life.decode())

    async def read(self, channel: str, number: int, id: str) -> JournalReading:
        life, state, *rest = await self._ask("read", channel, id, number)
        if state != b"there":
            return JournalReading(state.decode(), life.decode())
        last, last_id, epoch, offset, snapshot, entries = rest
        position = Position(epoch.decode(), int(offset))
        bodies = [entry.partition(b" ")[2] for entry in entries]
        return JournalReading("there", life.decode(), int(last), last_id.decode(), position, snapshot or None, bodies)

    async def compact(self, channel: str, number: int, id: str, snapshot: bytes) -> None:
        await self._ask("compact", channel, id, number, snapshot)

    async def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes | None) -> bool:
        _, state = await self._ask("offer", channel, id, number, snapshot or b"", about)
        if state == b"taken":
            await self._name("SADD", channel)
        return bool(state == b"wanted")

    async def all(self) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        every = [name.decode() for name in await self._name("SMEMBERS")]
        for start in range(0, len(every), _AT_ONCE):
            names = every[start : start + _AT_ONCE]
            abouts = await asyncio.gather(*map(self._about, names))
            found += [(name, about) for name, about in zip(names, abouts, strict=True) if about is not None]
        return found

    async def life(self) -> str:
        life, _ = await self._ask("read", _NAMES, "", 0)
        text: str = life.decode()
        return text

    async def _about(self, channel: str) -> bytes | None:
        topic = self._store.topic(channel).decode()
        about: bytes | None = await self._store.patiently(
            lambda: self._store.link.call(topic, "HGET", f"{topic}:journal", "about", bulk=True)
        )
        return about

    async def _name(self, word: str, *channel: str) -> Any:
        topic = self._store.topic(_NAMES).decode()
        return await self._store.patiently(
            lambda: self._store.link.call(topic, word, f"{topic}:names", *channel, bulk=True)
        )

    async def _ask(
        self, command: str, channel: str, id: str, number: int, snapshot: bytes = b"", about: bytes = b""
    ) -> Any:
        rest = (number, "", b"", snapshot, about, *_TIMES, "", "")
        return await self._store.patiently(lambda: self._run(command, channel, id, History(), *rest))

    async def _run(self, command: str, channel: str, id: str, window: History, *rest: Any) -> Any:
        keep = int(window.seconds * 1000)
        bounds = (max(window.events, 1), max(keep, 1), window.bytes, self._store.topic(channel))
        own = ("journal", "entries")
        return await self._store.run_script(self._script, channel, keep, own, command, id, *bounds, *rest, bulk=True)
