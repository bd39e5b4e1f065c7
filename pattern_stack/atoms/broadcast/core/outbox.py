"""One connection's way out: bounded, with one rule for the slow. It does no IO: it writes through a callable."""

from collections import deque
from typing import Protocol

from pattern_stack.atoms.broadcast.core.transport import Transport
from pattern_stack.atoms.broadcast.websocket.frames import Batch


class Owner(Protocol):
    """What an outbox tells of itself."""

    def too_slow(self) -> None:
        """More waits than may wait: told once, and nothing more is taken."""

    def paced(self) -> None:
        """The last snapshot or replay that waited has been written."""

    def dismissed(self, channel: str) -> None:
        """A channel has ended that this outbox is on."""


class Outbox:
    """Keeps order, and the bound: whoever lets more than `limit` bytes of live events wait is too slow.

    What counts is what was waiting before the last write, so that a single event always goes, however big, and so
    does all that is published within one turn of the loop. Snapshots and replays (`paced`) always go and do not count.
    """

    __slots__ = (
        "_closing",
        "_free",
        "_owner",
        "_paced",
        "_queue",
        "_transport",
        "_turn",
        "_waiting",
        "limit",
        "paused",
        "shut",
        "write_prepared",
    )

    def __init__(self, transport: Transport, limit: int, owner: Owner) -> None:
        self._transport = transport
        self.limit = limit
        self._owner = owner
        self._queue: deque[tuple[Batch, bool]] | None = None  # few connections ever have to wait
        self._waiting = 0
        self._paced = 0
        self._turn: int | None = None
        self._closing: tuple[int, str] | None = None
        self.paused = False
        self.shut = False
        """Nothing more is taken: a close is on its way, or the socket is gone."""
        self._free = True
        """Neither."""
        self.write_prepared = transport.write_prepared
        """Where the way is free, and has one: takes a batch's `wire`, in one call instead of three."""

    @property
    def waiting(self) -> int:
        """Bytes of live events that wait here for the transport."""
        return self._waiting

    @property
    def pacing(self) -> bool:
        """Whether a snapshot or replay waits for the transport."""
        return self._paced > 0

    def take(self, batch: Batch, turn: int | None = None, paced: bool = False) -> None:
        """Write it, or keep it until the way is free. Batches with the same turn count as one write."""
        if self._free:
            self._transport.write(batch)
            return
        if self.shut:
            return
        if not paced and self._overdue(turn):
            self.overflow()
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append((batch, paced))
        if paced:
            self._paced += 1
        else:
            self._waiting += batch.size

    def _overdue(self, turn: int | None) -> bool:
        if turn is not None and turn == self._turn:
            return False
        self._turn = turn
        return self._waiting > self.limit

    def dismiss(self, channel: str) -> None:
        self._owner.dismissed(channel)

    def overflow(self) -> None:
        if not self.shut:
            self._shut()
            self._owner.too_slow()

    def pause(self) -> None:
        self.paused = True
        self._free, self.write_prepared = False, None

    def resume(self) -> None:
        """The way is free again: what waits is written, in order, until it is paused anew."""
        self.paused = False
        while self._queue and not self.paused:
            batch, paced = self._queue.popleft()
            if paced:
                self._paced -= 1
                if not self._paced:
                    self._owner.paced()
            else:
                self._waiting -= batch.size
            self._transport.write(batch)
        self._queue = self._queue or None
        if not (self.paused or self.shut):
            self._free, self.write_prepared = True, self._transport.write_prepared
        self._finish()

    def close(self, code: int, reason: str, drop: bool = False) -> None:
        """Take nothing more; close behind what waits, or, with `drop`, instead of it."""
        self._shut()
        if drop:
            self.clear()
            self._transport.close(code, reason)
        else:
            self._closing = (code, reason)
            self._finish()

    def clear(self) -> None:
        """Forget what waits."""
        self._shut()
        self._queue = None
        self._waiting = self._paced = 0

    def _shut(self) -> None:
        self.shut = True
        self._free, self.write_prepared = False, None

    def _finish(self) -> None:
        if self._closing and not self._queue and not self.paused:
            closing, self._closing = self._closing, None
            self._transport.close(*closing)
