"""One channel as the broker keeps it: its place, its newest events, who follows it and who is on it."""

from collections import deque
from itertools import islice
from typing import Any, NamedTuple

from pattern_stack.atoms.ipc.broker.peer import Peer

PIECE_BYTES = 524_288
"""Of events in one answer. The last of them may go beyond it."""


class Bounds(NamedTuple):
    """How much of a channel is kept: see History."""

    events: int = 256
    seconds: float = 300
    bytes: int = 16 * 1_048_576


class Entry(NamedTuple):
    body: bytes
    time: float
    publish: str
    """The id that its worker gave the publish."""


class Member(NamedTuple):
    """A connection on a channel with presence, and the worker that it is connected to."""

    peer: Peer
    value: str
    """What other workers are told: instance, time in milliseconds and user, as JSON."""


class Log:
    __slots__ = ("_entries", "_size", "bounds", "epoch", "followers", "members", "offset", "used")

    def __init__(self, epoch: str, now: float) -> None:
        self.epoch = epoch
        self.offset = 0
        self.bounds = Bounds()
        self.used = now
        self.followers: dict[Peer, None] = {}
        self.members: dict[str, Member] = {}
        self._entries: deque[Entry] = deque()
        self._size = 0

    @property
    def is_idle(self) -> bool:
        return not self.followers and not self.members

    @property
    def _start(self) -> int:
        """The offset of the event before the first that is kept."""
        return self.offset - len(self._entries)

    def append(self, entry: Entry) -> int:
        self._entries.append(entry)
        self._size += len(entry.body)
        self.offset += 1
        self.used = entry.time
        self.trim(entry.time)
        return self.offset

    def trim(self, now: float) -> None:
        entries, (events, seconds, most) = self._entries, self.bounds
        while entries and (len(entries) > events or self._size > most or entries[0].time < now - seconds):
            self._size -= len(entries.popleft().body)

    def since(self, offset: int, until: int) -> tuple[int, list[bytes]]:
        """The offset of the first kept event after this one, and the events from there up to `until`, as many as fit."""
        start = max(offset, self._start)
        bodies, size = list[bytes](), 0
        for entry in islice(self._entries, start - self._start, max(min(until, self.offset) - self._start, 0)):
            if size >= PIECE_BYTES:
                break
            bodies.append(entry.body)
            size += len(entry.body)
        return (start if bodies else offset) + 1, bodies

    def body_at(self, offset: int) -> bytes | None:
        index = offset - self._start - 1
        return self._entries[index].body if 0 <= index < len(self._entries) else None

    def find(self, publish: str, began: float) -> int | None:
        """The offset of this publish, 0 where it was not made, None where it cannot be known: it began too long ago."""
        for index, entry in enumerate(reversed(self._entries)):
            if entry.publish == publish:
                return self.offset - index
            if entry.time < began:
                return 0
        return None if self._start else 0

    def listed(self) -> list[Any]:
        """Connection and value in turn."""
        return [part for id, member in self.members.items() for part in (id, member.value)]
