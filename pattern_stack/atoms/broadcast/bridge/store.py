"""What a SharedEngine needs of a store that instances share."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import orjson

from pattern_stack.atoms.broadcast.bridge.journal import Journals
from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.errors import BroadcastUnavailable

PATIENCE = 3.0
"""Seconds: time enough for a failover."""


class OutcomeUnknown(BroadcastUnavailable):
    """It cannot be known whether the event was published."""


class Arrival(NamedTuple):
    """A message of a channel: an event, if one of our instances published it."""

    epoch: str
    offset: int
    body: bytes


class Placed(NamedTuple):
    """Where a publish stands in its channel's order."""

    epoch: str
    offset: int
    body: bytes | None = None
    """Of a repeat: the bytes of the first publish with its key, while they are kept."""
    repeated: bool = False
    """Its key was used before: nothing was published now."""


class Reading(NamedTuple):
    """A channel's newest position, and of the events that were asked for the first that are kept, as many as fit."""

    epoch: str
    offset: int
    first: int
    """The offset of the first of `bodies`."""
    bodies: list[bytes]


class Attendance(NamedTuple):
    """The store's answer about presence: how many members, members of instances that died, and what was asked for."""

    total: int
    gone: Sequence[bytes]
    answer: Sequence[bytes]


class Store(Ledger):
    """Positions, history, messages, presence and what is carried out once (see Ledger) of many instances.

    Calls that wait raise BroadcastUnavailable.
    """

    arrived: Callable[[str, Arrival], None]
    """Set by the engine. Called for each message of a followed channel, in the store's order."""
    sent: Callable[[str, bytes], None]
    """Set by the engine. Called with the channel and the bytes of each ephemeral event of a followed channel."""
    resumed: Callable[[], Awaitable[None]]
    """Set by the engine. Called when messages may have been missed; done when all channels have caught up, or after 5 s."""
    unrecognised: Callable[[str], None]
    """Set by the engine. Called for a message that none of our instances can have published."""

    journals: Journals
    """State that instances share."""
    closed = False
    patience: float = PATIENCE
    """Seconds that calls wait while the link to the store is down, counted from the break. From then on they raise at once."""

    @property
    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """What keeps the store from working, in words; None while it works."""

    @abstractmethod
    async def start(self) -> None:
        """Begin on this loop. A server that does not answer yet is waited for. Raises BroadcastError where it refuses."""

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    def forget_loop(self) -> None:
        """The loop it worked on was closed: forget what belonged to it."""

    @abstractmethod
    async def publish(self, draft: Draft, window: History) -> Placed:
        """Give the draft the channel's next position, keep it, and send it to every instance that follows the channel.

        Where its key was used on the channel within 300 s, in the same epoch, nothing is published: the answer is the place
        of the first. The key is taken in the same step: a publish that was refused uses none up, and one whose answer was
        lost can be repeated. A draft that is `patient` waits for the link however long it is down.

        Raises OutcomeUnknown where the answer was lost, and it cannot be known whether the event was published.
        """

    @abstractmethod
    async def send(self, draft: Draft) -> None:
        """Send an ephemeral event to every instance that follows the channel. It gets no position, and nobody keeps it."""

    @abstractmethod
    async def begin_anew(self, channel: str) -> None:
        """Begin a new epoch of the channel, because events of it were lost before they came here: its history is gone.

        Every instance that follows the channel is told by an Arrival at offset 0 of the new epoch, without a body.
        """

    @abstractmethod
    async def position(self, channel: str) -> Position:
        """The channel's newest position."""

    @abstractmethod
    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading:
        """Events after `since` up to the offset `until`, or the newest. What is long comes in pieces: ask again for the next.

        No event, where none of them is kept, or `since` is of another epoch than the channel's.
        """

    @abstractmethod
    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        """One step of presence: see Ask in presence.py."""

    @abstractmethod
    async def follow(self, channel: str) -> None:
        """Report the channel's messages from now on. Later messages arrive even if this raises."""

    @abstractmethod
    def unfollow(self, channel: str) -> None: ...


def is_event(channel: str, body: bytes) -> bool:
    """Whether one of our instances may have published these bytes: what anybody can write to a store reaches browsers."""
    try:
        message = orjson.loads(body)
    except ValueError:
        return False
    if not body.startswith(b'{"channel":"') or not body.endswith(b"}") or "offset" in message:
        return False
    kinds = [type(message.get(name)) for name in ("event", "payload", "timestamp", "origin")]
    return message["channel"] == channel and kinds[:2] == [str, dict] and {*kinds[2:]} <= {str, type(None)}


def check_patience(seconds: float) -> float:
    """The seconds themselves. Raises ValueError where they are no number from 0 on."""
    if not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
        raise ValueError(f"patience is a number of seconds from 0 on, not {seconds!r}")
    return seconds
