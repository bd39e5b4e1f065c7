"""Where positions and history live. MemoryEngine keeps them in this process, SharedEngine (bridge/) in a store."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.event import Draft, Ephemeral, Event, Position, Reset
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.atoms.broadcast.core.presence import Presence

Deliver = Callable[[Event | Reset], None]
PassOn = Callable[[Ephemeral], None]


class Engine(ABC):
    """Gives each event its position, keeps a window of each channel, and delivers events in the order of positions.

    Only the loop that owns the hub calls it. The coroutines of an Engine that is no LinkedEngine never wait.
    """

    def __init__(self) -> None:
        self._deliver: tuple[Deliver, ...] = ()
        self._passing: tuple[PassOn, ...] = ()
        self._counters = Counters()

    def attach(self, deliver: Deliver, pass_on: PassOn | None = None) -> None:
        """Call `deliver` with each event of a subscribed channel, in the channel's order, and with a Reset where that was
        broken; `pass_on` with each ephemeral event of one."""
        self._deliver += (deliver,)
        if pass_on:
            self._passing += (pass_on,)

    def count_in(self, counters: Counters) -> None:
        """Events that get a place are counted there."""
        self._counters = counters

    def _pass_on(self, event: Ephemeral) -> None:
        for pass_on in self._passing:
            pass_on(event)

    @abstractmethod
    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        """Give the drafts their positions, one after the other, and return their events. Raises BroadcastUnavailable.

        A draft whose key was used on its channel within 300 s, in the same epoch, is not published: the event is the first
        one's, its place alone where that is no longer kept.
        """

    @abstractmethod
    async def send(self, drafts: Sequence[Draft]) -> None:
        """Pass ephemeral events on to whoever is subscribed now. Raises BroadcastUnavailable.

        A PresenceEvent of a channel that is subscribed here has been delivered here when this returns.
        """

    @abstractmethod
    async def subscribe(self, channel: str) -> None:
        """Deliver this channel's events until `unsubscribe` was called as often. Raises BroadcastUnavailable: not subscribed."""

    @abstractmethod
    def unsubscribe(self, channel: str) -> None: ...

    @abstractmethod
    def position(self, channel: str) -> Position:
        """Of a subscribed channel: the newest position that was delivered here. Every later event follows it."""

    def quiet(self, channel: str) -> float:
        """Of a subscribed channel: no event up to its position was delivered here within so many seconds. Never more than is
        known: where nobody was on the channel here, the seconds since somebody is."""
        return 0

    @abstractmethod
    async def position_of(self, channel: str) -> Position:
        """Current position of any channel, subscribed or not. Raises BroadcastUnavailable."""

    @abstractmethod
    def presence(self, channel: str) -> Presence:
        """Who is on the channel."""

    @abstractmethod
    def ledger(self, channel: str) -> Ledger:
        """What was carried out on the channel, by key."""

    @abstractmethod
    async def history(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        """The events after `since` up to `until`, without a gap; None where they are no longer all kept.

        Raises BroadcastUnavailable.
        """

    @abstractmethod
    async def last(self, channel: str, count: int, until: Position) -> list[Event]:
        """The newest events up to `until`, without a gap: `count`, or as many of them as are kept.

        Raises BroadcastUnavailable.
        """


class LinkedEngine(Engine):
    """An engine whose store lies outside this process: it needs a loop to work on, and may be unavailable."""

    @property
    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """What keeps it from working, in words; None while it works."""

    @abstractmethod
    async def start(self) -> None:
        """Begin on this loop. A store that does not answer yet is waited for. Raises BroadcastError where it refuses."""

    @property
    @abstractmethod
    def patience(self) -> float:
        """Seconds that calls wait while the link to the store is down, counted from the break. From then on they raise at
        once."""

    @patience.setter
    @abstractmethod
    def patience(self, seconds: float) -> None: ...

    @abstractmethod
    async def begin_anew(self, channel: str) -> None:
        """Begin a new epoch of the channel: every client that was on it is told `reset`. Raises BroadcastUnavailable."""

    @abstractmethod
    async def pause(self) -> None:
        """Release connections and tasks; reopened by the next call."""

    @abstractmethod
    def forget_loop(self) -> None:
        """The loop it worked on was closed: forget what belonged to it."""

    @abstractmethod
    async def catch_up(self, channel: str, position: Position | None) -> bool:
        """Deliver a subscribed channel's events up to this position; None is the store's newest. True where there were any.

        Another instance may have told a client of events that are still on their way to this one.
        Raises BroadcastUnavailable.
        """
