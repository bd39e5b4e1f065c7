"""Where what happens to sessions is written down. One step writes it down and publishes its events."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pattern_stack.atoms.broadcast import Position
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.models import SessionSummary
from pattern_stack.features.sessions.session import Session

T = TypeVar("T")


class Moved(Exception):
    """Another instance has changed the session meanwhile: nothing was written, and the session has to be refreshed."""


class Journal(ABC):
    """Only the hub's loop calls it. Where sessions are shared, every method raises SessionUnavailable."""

    @property
    @abstractmethod
    def instance(self) -> str:
        """The name of this instance, as `info` shows it."""

    @property
    @abstractmethod
    def is_shared(self) -> bool:
        """Whether other instances have the same sessions."""

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """What was carried out once by its key."""

    @abstractmethod
    async def find(self, session_id: str) -> Session:
        """The session as this instance knows it: it may have changed elsewhere. Raises SessionNotFound."""

    @abstractmethod
    async def begin(self, session: Session) -> None:
        """All instances know the new session when this returns."""

    @abstractmethod
    async def refresh(self, session: Session) -> bool:
        """Let happen here what has happened elsewhere; returns whether something has. The caller holds `graph_lock`.

        Raises SessionNotFound where it was closed.
        """

    @abstractmethod
    async def position(self, session: Session) -> Position:
        """`refresh`, and the channel's position that the session's state belongs to. The caller holds `graph_lock`."""

    @abstractmethod
    async def commit(
        self, session: Session, entry: Entry, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        """Write the entry down, publish the events, and let it happen here: in this order, and all or nothing.

        What the entry does to the graph has been done already, under the `graph_lock` that the caller holds. Raises Moved,
        SessionNotFound where it was closed, and InvalidEvent where an event is too big.
        """

    @abstractmethod
    async def replace(
        self, session: Session, state: SessionState, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        """The same for a change after which the session is this, as a whole."""

    @abstractmethod
    async def close(self, session: Session, *, origin: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed. Raises SessionNotFound where it was closed already."""

    @abstractmethod
    async def attend(self, session: Session) -> None:
        """The connections of this instance are those of `session.attendance`; clients are sent who has come and gone, as far
        as that is due."""

    @abstractmethod
    def attend_soon(self, session: Session) -> None:
        """The same, in a later turn of the loop. It never raises."""

    @abstractmethod
    async def summaries(self) -> list[tuple[str, SessionSummary]]:
        """Every session on every instance, the oldest first, with its id."""

    # -- projects

    @abstractmethod
    async def with_project(self, project_id: str) -> Session | None:
        """The session that the project is live in, or None."""

    @abstractmethod
    async def claim(self, project_id: str, session: Session) -> None:
        """The project is for this session alone, until `release`, or until it is live there. Raises ProjectInUse."""

    @abstractmethod
    async def release(self, project_id: str, session: Session) -> None:
        """Another session may have it, unless it is live in this one."""


async def again(journal: Journal, session: Session, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` returns. It is called anew as long as other instances are faster."""
    while True:
        try:
            return await attempt()
        except Moved:
            async with session.graph_lock:
                await journal.refresh(session)
