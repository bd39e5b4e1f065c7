"""State that instances share: the numbered entries of a channel, each written in one step with the events that it causes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.broadcast.core.history import History

KEPT_SECONDS = 7 * 86_400.0
"""A journal outlives its last use by so much."""
ENDED_SECONDS = 86_400.0
"""So long a journal that has ended is known as such: nobody can write it anew."""
SETTLING_SECONDS = 1.0
"""After the store was restarted or replaced, instances have so long to offer what it may have lost. Until then it answers
`unsettled`."""


class Step(NamedTuple):
    """One entry. `after` and `follows`: number and id of the entry that it was made behind; 0 and "" begin the journal."""

    after: int
    follows: str
    id: str
    """Another one for each step: a step whose answer was lost can be repeated."""
    entry: bytes
    about: bytes
    """A short description of the state behind this entry, for `Journals.all`."""
    snapshot: bytes | None = None
    """The whole state behind this entry: the entries so far are dropped."""
    ends: bool = False
    """Nothing follows it, and nothing is kept."""


class Appended(NamedTuple):
    """`done`: the entry is in the journal, and its events are published. `moved`: another entry was faster. `gone`: there is
    no such journal. `unsettled`: see SETTLING_SECONDS; ask again."""

    state: Literal["done", "moved", "gone", "unsettled"]
    life: str
    """Of the store: another one once it may have lost something."""


class JournalReading(NamedTuple):
    """Where a journal stands, and what was asked for. All of it is of one moment."""

    state: Literal["there", "gone", "unsettled"]
    life: str
    number: int = 0
    id: str = ""
    position: Position = Position("", 0)
    """The channel's newest position: the state behind the last entry is the state at this position."""
    snapshot: bytes | None = None
    """There where the entries do not reach back to what is known; `entries` follow it."""
    entries: Sequence[bytes] = ()


class Journals(ABC):
    """The journals of channels, by channel. Each call is one step for all instances. Raises BroadcastUnavailable."""

    @abstractmethod
    async def append(self, channel: str, step: Step, bodies: Sequence[bytes], window: History) -> Appended:
        """Write the entry and publish the events, or do neither. Raises OutcomeUnknown where that cannot be known."""

    @abstractmethod
    async def read(self, channel: str, number: int, id: str) -> JournalReading:
        """What follows this entry; 0 and "" for all. A journal that does not have the entry is told as a whole."""

    @abstractmethod
    async def compact(self, channel: str, number: int, id: str, snapshot: bytes) -> None:
        """The state behind this entry takes the place of the entries up to it. It does nothing where that is known, or where
        the journal does not have the entry."""

    @abstractmethod
    async def offer(self, channel: str, number: int, id: str, about: bytes, snapshot: bytes | None) -> bool:
        """For a store that may have lost something: whether it wants the state behind this entry. With `snapshot` it takes it,
        where it has none behind a later entry. Until the journal is settled, the latest offer counts."""

    @abstractmethod
    async def all(self) -> list[tuple[str, bytes]]:
        """Channel and `about` of every journal."""

    @abstractmethod
    async def life(self) -> str:
        """The store's life: see Appended."""
