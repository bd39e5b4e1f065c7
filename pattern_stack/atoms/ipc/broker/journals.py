"""State that workers share: see Journals in broadcast/bridge/journal.py."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

SETTLING_SECONDS = 1.0
KEPT_SECONDS = 7 * 86_400.0
ENDED_SECONDS = 86_400.0
_SWEPT = 100


class Journal:
    __slots__ = ("_base", "_base_id", "_entries", "_offered", "_snapshot", "about", "id", "number", "used")

    def __init__(self, number: int, id: str, about: bytes, snapshot: bytes, now: float, *, offered: bool) -> None:
        self.number, self.id, self.about, self.used = number, id, about, now
        self._base, self._base_id, self._snapshot = number, id, snapshot
        self._entries: list[tuple[str, bytes]] = []
        self._offered: float | None = now if offered else None
        """When the first of those who know it from before this broker offered it; None once it is settled."""

    def is_settled(self, now: float) -> bool:
        self.used = now
        if self._offered is not None and now - self._offered >= SETTLING_SECONDS:
            self._offered = None
        return self._offered is None

    def offer(self, number: int, id: str, about: bytes, snapshot: bytes) -> bool:
        if self._offered is None or number <= self.number:
            return False
        if snapshot:
            self._take(number, id, about, snapshot)
        return not snapshot

    def append(self, id: str, entry: bytes, about: bytes, snapshot: bytes) -> None:
        if snapshot:
            self._take(self.number + 1, id, about, snapshot)
            return
        self.number, self.id, self.about = self.number + 1, id, about
        self._entries.append((id, entry))

    def _take(self, number: int, id: str, about: bytes, snapshot: bytes) -> None:
        self.number, self.id, self.about = number, id, about
        self._base, self._base_id, self._snapshot = number, id, snapshot
        self._entries.clear()

    def compact(self, number: int, id: str, snapshot: bytes) -> None:
        if number > self._base and self.id_of(number) == id:
            del self._entries[: number - self._base]
            self._base, self._base_id, self._snapshot = number, id, snapshot

    def id_of(self, number: int) -> str | None:
        """None where it is not known any more."""
        if number == self.number:
            return self.id
        if number == self._base:
            return self._base_id
        at = number - self._base - 1
        return self._entries[at][0] if 0 <= at < len(self._entries) else None

    def since(self, number: int, id: str) -> tuple[bytes | None, list[bytes]]:
        """What follows the entry; with the snapshot where the entry is not known."""
        is_known = self.id_of(number) == id
        start = number - self._base if is_known else 0
        return (None if is_known else self._snapshot), [entry for _, entry in self._entries[start:]]


class JournalTable:
    """Of one space. All of them are gone with the broker."""

    def __init__(self) -> None:
        self._journals: OrderedDict[str, Journal] = OrderedDict()
        self._ended: OrderedDict[str, tuple[str, float]] = OrderedDict()
        """The id of the step that ended it, and when."""

    def get(self, channel: str, now: float) -> Journal | None:
        journal = self._journals.get(channel)
        if journal:
            journal.used = now
        return journal

    def append(
        self,
        channel: str,
        step: Sequence[Any],
        entry: bytes,
        about: bytes,
        snapshot: bytes,
        now: float,
        *,
        is_again: bool,
    ) -> str:
        """`new` where it was written now; see Appended for the others. `step`: after, follows, id, ends."""
        after, follows, id, ends = step
        if channel in self._ended:
            return "done" if self._ended[channel][0] == id else "gone"
        journal = self.get(channel, now)
        if journal is None:
            if after:
                return "gone"
            self._journals[channel] = Journal(1, id, about, snapshot, now, offered=False)
            return "new"
        if not journal.is_settled(now):
            return "unsettled"
        if journal.number > after:
            theirs = journal.id_of(after + 1)
            return "done" if theirs == id else "unknown" if theirs is None and is_again else "moved"
        if journal.number < after or journal.id != follows:
            return "moved"
        if ends:
            del self._journals[channel]
            self._ended[channel] = (id, now)
        else:
            journal.append(id, entry, about, snapshot)
        return "new"

    def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes, now: float) -> bool:
        """Whether it is wanted with its snapshot."""
        if channel in self._ended:
            return False
        if journal := self._journals.get(channel):
            return journal.offer(number, id, about, snapshot)
        if snapshot:
            self._journals[channel] = Journal(number, id, about, snapshot, now, offered=True)
        return not snapshot

    def all(self) -> list[tuple[str, bytes]]:
        return [(channel, journal.about) for channel, journal in self._journals.items()]

    def sweep(self, now: float) -> None:
        """Called again and again, it comes to each of them."""
        while self._ended and now - next(iter(self._ended.values()))[1] > ENDED_SECONDS:
            self._ended.popitem(last=False)
        for channel in [channel for channel, _ in zip(self._journals, range(_SWEPT), strict=False)]:
            self._journals.move_to_end(channel)
            if now - self._journals[channel].used > KEPT_SECONDS:
                del self._journals[channel]
