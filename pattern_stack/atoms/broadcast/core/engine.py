"""Where positions and history live. One engine is in memory (history.py); another keeps them in a store (bridge.py)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position, Reset
from pattern_stack.atoms.broadcast.core.presence import Presence

Deliver = Callable[[Event | Reset], None]


class Engine(ABC):
    """Gives each event its place, remembers a window of them, and delivers them in that order.

    Only the loop that owns the hub calls it.
    """

    prompt: bool
    """Its coroutines never wait: they run to their end at once."""

    def __init__(self) -> None:
        self._deliver: tuple[Deliver, ...] = ()

    def attach(self, deliver: Deliver) -> None:
        """Call it with each event of a wanted channel, in the channel's order, and with a Reset where that was broken."""
        self._deliver += (deliver,)

    @property
    def trouble(self) -> str | None:
        """What keeps it from working, in words; None while it works."""
        return None

    async def start(self) -> None:  # noqa: B027 - an engine in memory has nothing to do here, and in the next two
        """Begin on this loop. What is missing only for now is waited for. Raises BroadcastError for what cannot work."""

    async def rest(self) -> None:  # noqa: B027
        """Nobody needs it for now: hold nothing open. It begins anew when it is used."""

    def abandon(self) -> None:  # noqa: B027
        """The loop it worked on was closed: forget what belonged to it."""

    @abstractmethod
    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        """Give the drafts their places, one after the other. Raises BroadcastUnavailable."""

    @abstractmethod
    async def want(self, channel: str) -> None:
        """Deliver this channel's events until as many `unwant` came as `want`. Where it raises BroadcastUnavailable, none did."""

    @abstractmethod
    def unwant(self, channel: str) -> None: ...

    @abstractmethod
    def position(self, channel: str) -> Position:
        """Of a wanted channel: the newest place that was delivered here; every later event follows it."""

    @abstractmethod
    async def locate(self, channel: str) -> Position:
        """Of any channel: a place that every later event follows. Raises BroadcastUnavailable."""

    @abstractmethod
    def presence(self, channel: str) -> Presence:
        """Who is on it."""

    async def reach(self, channel: str, place: Position | None) -> bool:
        """Deliver a wanted channel's events up to this place, None being the newest. Returns whether any were delivered.

        Another instance may have told a client of events that are still on their way to this one.
        """
        return False

    @abstractmethod
    async def read_since(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        """The events after `since` up to `until`, without a gap; None where that cannot be had any more."""
