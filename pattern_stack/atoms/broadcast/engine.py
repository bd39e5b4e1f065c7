"""Where positions and history live. One engine is in memory (history.py); another may be a store that instances share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pattern_stack.atoms.broadcast.event import Draft, Event, Position

Deliver = Callable[[Event], None]


class Engine(ABC):
    """Gives each event its place, remembers a window of them, and delivers them in that order.

    Only the loop that owns the hub calls it.
    """

    deliver: Deliver
    """Set by who uses the engine: called with each event of a wanted channel, in the channel's order."""

    @abstractmethod
    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        """Give the drafts their places, all or none. Raises BroadcastUnavailable."""

    @abstractmethod
    async def want(self, channel: str) -> None:
        """Deliver this channel's events until as many `unwant` as `want` came. Raises BroadcastUnavailable."""

    @abstractmethod
    def unwant(self, channel: str) -> None: ...

    @abstractmethod
    def position(self, channel: str) -> Position:
        """The newest place that was delivered here; of a wanted channel, every later event follows it."""

    @abstractmethod
    async def read_since(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        """The events after `since` up to `until`, without a gap; None where that cannot be had any more."""
