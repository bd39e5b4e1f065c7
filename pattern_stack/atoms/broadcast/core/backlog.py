"""Events that wait to be published: in order, within bounds."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from pattern_stack.atoms.broadcast.core.event import Draft


class Bounds(NamedTuple):
    """How much may wait."""

    events: int
    bytes: int


LINK_DOWN = Bounds(1_000, 4 * 1_048_576)
LINK_UP = Bounds(100_000, 64 * 1_048_576)
"""While they leave as fast as the store takes them."""


class Waiting(NamedTuple):
    """A draft, and its place in the queue."""

    number: int
    draft: Draft


class Backlog:
    """A queue of drafts. What does not fit is dropped, the newest first, and its channel is noted as one that lost events."""

    def __init__(self) -> None:
        self._queue: deque[Waiting] = deque()
        self._taken: list[Waiting] = []
        self._bytes = 0
        self._numbers = 0
        self._lost: dict[str, int] = {}
        """The number of the newest event that waited when an event of this channel was dropped."""
        self.dropped = 0
        """Events that were dropped since all channels were last told."""

    def __len__(self) -> int:
        return len(self._queue) + len(self._taken)

    @property
    def is_needed(self) -> bool:
        """Whether anything waits, or a channel has to be told."""
        return bool(self._queue or self._taken or self._lost)

    def add(self, draft: Draft, bounds: Bounds) -> None:
        """Put it last, and keep to the bounds."""
        self._numbers += 1
        self._queue.append(Waiting(self._numbers, draft))
        self._bytes += len(draft.body)
        self.trim(bounds)

    def trim(self, bounds: Bounds) -> None:
        """Drop the newest ones that are too much."""
        while self._queue and (len(self) > bounds.events or self._bytes > bounds.bytes):
            one = self._queue.pop()
            self._bytes -= len(one.draft.body)
            self.lose(one)

    def lose(self, one: Waiting) -> None:
        """It is never published. Who misses an ephemeral event has lost nothing."""
        if one.draft.ephemeral:
            return
        self._lost[one.draft.channel] = self._numbers
        self.dropped += 1

    def take(self, most: int) -> list[Waiting]:
        """The next ones, of different channels, until `settle`: those of one channel leave one after the other."""
        channels: set[str] = set()
        while self._queue and len(self._taken) < most and self._queue[0].draft.channel not in channels:
            one = self._queue.popleft()
            channels.add(one.draft.channel)
            self._taken.append(one)
        return self._taken

    def settle_all(self) -> None:
        """Nothing is known of those that were taken: they are first again."""
        self.settle(self._taken)

    def settle(self, failed: Iterable[Waiting]) -> None:
        """Those that were taken are published, but for these: they are first again."""
        again = list(failed)
        self._bytes -= sum(len(one.draft.body) for one in self._taken) - sum(len(one.draft.body) for one in again)
        self._taken = []
        self._queue.extendleft(reversed(again))

    @property
    def due(self) -> str | None:
        """A channel that lost events, and of which nothing waits that was there before the last loss."""
        first = (self._taken or self._queue)[0].number if len(self) else self._numbers + 1
        return next((channel for channel, number in self._lost.items() if number < first), None)

    def told(self, channel: str) -> None:
        """The channel's clients know."""
        self._lost.pop(channel, None)
        if not self._lost:
            self.dropped = 0
