"""What a bridge needs of a store that instances share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import History

if TYPE_CHECKING:
    import asyncio

    from pattern_stack.atoms.broadcast.bridge.presence import Attendance


class Arrival(NamedTuple):
    """A message of the store: an event, if it is none of a stranger's."""

    epoch: str
    offset: int
    body: bytes


class Reading(NamedTuple):
    """A channel's newest place, and the events that were asked for; None where they are not all there."""

    epoch: str
    offset: int
    bodies: list[bytes] | None


class Store(ABC):
    """What a bridge needs of a store. Everything that waits raises BroadcastUnavailable."""

    arrived: Callable[[str, Arrival], None]
    """Set by the bridge: called for each message of a followed channel, in the store's order."""
    resumed: Callable[[], "asyncio.Future[None]"]
    """Set by the bridge: called when messages may have been missed; done when that is mended."""
    strange: Callable[[str], None]
    """Set by the bridge: called for a message that cannot be one of ours."""

    closed = False

    @property
    @abstractmethod
    def trouble(self) -> str | None: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    def abandon(self) -> None: ...

    @abstractmethod
    async def publish(self, draft: Draft, window: History) -> Position: ...

    @abstractmethod
    async def read(self, channel: str, since: Position | None, last: int | None = None) -> Reading: ...

    @abstractmethod
    async def attend(self, channel: str, *arguments: Any) -> "Attendance":
        """See Ask in presence.py."""

    @abstractmethod
    async def follow(self, channel: str) -> None:
        """From its end on, messages of the channel arrive."""

    @abstractmethod
    def unfollow(self, channel: str) -> None: ...
