"""What waits for one connection's socket: bounded, in order, with one rule for slow clients. It does no IO of its own."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.transport import Transport
from pattern_stack.atoms.broadcast.websocket.frames import Batch


class OutboxOwner(Protocol):
    """What an outbox calls on its connection."""

    def too_slow(self) -> None:
        """More waits than may wait. Called once; the outbox takes nothing more."""

    def bulk_written(self) -> None:
        """The last snapshot or replay that waited has been written."""

    def channel_ended(self, channel: str) -> None:
        """The application ended a channel that this outbox is on."""


class State(Enum):
    OPEN = "the transport takes what is written"
    BLOCKED = "the transport is full: batches wait here"
    CLOSING = "a close is on its way, or the socket is gone: nothing more is taken"


_OPEN, _BLOCKED, _CLOSING = State.OPEN, State.BLOCKED, State.CLOSING


class Outbox:
    """Keeps the order, and the bound: a client with more than `limit` bytes of live events waiting is too slow.

    The bound counts what waited before the last write. So a single event always goes, however big, and so does all that is
    published within one turn of the loop. Snapshots and replays (`bulk`) always go and do not count.
    """

    __slots__ = (
        "_bulk",
        "_close",
        "_counters",
        "_full",
        "_owner",
        "_queue",
        "_state",
        "_transport",
        "_turn",
        "_waiting",
        "limit",
        "write_prepared",
    )

    def __init__(self, transport: Transport, limit: int, owner: OutboxOwner, counters: Counters | None = None) -> None:
        self._counters = counters or Counters()
        self._transport = transport
        self.limit = limit
        self._owner = owner
        self._queue: deque[tuple[Batch, bool]] | None = None  # few connections ever have to wait
        self._waiting = 0
        self._bulk = 0
        self._turn: int | None = None
        self._close: tuple[int, str] | None = None
        self._full = False
        self._state = _OPEN
        self.write_prepared: Callable[[bytes], None] | None = transport.write_prepared
        """The transport's, while the state is OPEN; else None."""

    @property
    def waiting(self) -> int:
        """Bytes of live events that wait here for the transport."""
        return self._waiting

    @property
    def has_bulk(self) -> bool:
        """Whether a snapshot or replay waits for the transport."""
        return self._bulk > 0

    @property
    def blocked(self) -> bool:
        """Whether the transport is full, also while closing."""
        return self._full

    @property
    def closing(self) -> bool:
        return self._state is _CLOSING

    def take(self, batch: Batch, turn: int | None = None, bulk: bool = False) -> bool:
        """Write it, or keep it until the transport takes more; what is ephemeral is not kept. Batches with the same turn
        count as one write. Returns whether it was written at once."""
        if self._state is _OPEN:
            return self._transport.write(batch)
        if self._state is _CLOSING or batch.ephemeral:
            return False
        if not bulk and self._is_over(turn):
            self.too_slow()
            return False
        if self._queue is None:
            self._queue = deque()
        self._queue.append((batch, bulk))
        if bulk:
            self._bulk += 1
        else:
            self._waiting += batch.size
        return False

    def _is_over(self, turn: int | None) -> bool:
        if turn is not None and turn == self._turn:
            return False
        self._turn = turn
        return self._waiting > self.limit

    def channel_ended(self, channel: str) -> None:
        self._owner.channel_ended(channel)

    def too_slow(self) -> None:
        if self._state is not _CLOSING:
            self._enter(_CLOSING)
            self._owner.too_slow()

    def pause(self) -> None:
        """The transport is full."""
        self._full = True
        if self._state is _OPEN:
            self._enter(_BLOCKED)

    def resume(self) -> None:
        """The transport takes more: what waits is written, in order, until it is full again."""
        self._full = False
        while self._queue and not self._full:
            batch, bulk = self._queue.popleft()
            if bulk:
                self._bulk -= 1
                if not self._bulk:
                    self._owner.bulk_written()
            else:
                self._waiting -= batch.size
            if self._transport.write(batch):
                self._counters.wrote(batch, 1)
        self._queue = self._queue or None
        if self._state is _BLOCKED and not self._full:
            self._enter(_OPEN)
        self._finish()

    def close(self, code: int, reason: str, drop: bool = False) -> None:
        """Take nothing more. Close behind what waits or, with `drop`, instead of it."""
        self._enter(_CLOSING)
        if drop:
            self.clear()
            self._transport.close(code, reason)
        else:
            self._close = (code, reason)
            self._finish()

    def clear(self) -> None:
        """Drop what waits and take nothing more."""
        self._enter(_CLOSING)
        self._queue = None
        self._waiting = self._bulk = 0

    def _enter(self, state: State) -> None:
        self._state = state
        self.write_prepared = self._transport.write_prepared if state is _OPEN else None

    def _finish(self) -> None:
        if self._close and not self._queue and not self._full:
            close, self._close = self._close, None
            self._transport.close(*close)
