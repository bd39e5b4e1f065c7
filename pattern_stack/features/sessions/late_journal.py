"""The journal that is chosen at the first call, by what the broadcast is linked with."""

from collections.abc import Sequence
from functools import cached_property

from pattern_stack.atoms.broadcast import Position
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.housekeeping import Housekeeping
from pattern_stack.features.sessions.journal import Journal
from pattern_stack.features.sessions.local_journal import LocalJournal
from pattern_stack.features.sessions.models import SessionSummary
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.shared_journal import SharedJournal


class LateJournal(Journal):
    """Which bridge there is may be known no sooner: see WebSocketBroadcastBackend.bridge."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._housekeeping: Housekeeping | None = None

    @cached_property
    def chosen(self) -> Journal:
        bridge = self._registry.broadcast.bridge
        if bridge is None:
            return LocalJournal(self._registry)
        journal = SharedJournal(self._registry, bridge.engine)
        self._housekeeping = Housekeeping(self._registry, journal)
        journal.started = self._housekeeping.begin
        return journal

    def start(self) -> None:
        """On the hub's loop: be heard by other instances, and see to what they leave. Where sessions are shared."""
        if self.chosen.is_shared and self._housekeeping:
            self._housekeeping.start()

    async def stop(self) -> None:
        """The other way round."""
        if self._housekeeping:
            await self._housekeeping.stop()

    @property
    def trouble(self) -> str | None:
        """What keeps this instance from its part, in words; None while it does it."""
        return self._housekeeping.trouble if self._housekeeping else None

    @property
    def instance(self) -> str:
        return self.chosen.instance

    @property
    def is_shared(self) -> bool:
        return self.chosen.is_shared

    @property
    def ledger(self) -> Ledger:
        return self.chosen.ledger

    async def find(self, session_id: str) -> Session:
        return await self.chosen.find(session_id)

    async def begin(self, session: Session) -> None:
        await self.chosen.begin(session)

    async def refresh(self, session: Session) -> bool:
        return await self.chosen.refresh(session)

    async def position(self, session: Session) -> Position:
        return await self.chosen.position(session)

    async def commit(
        self, session: Session, entry: Entry, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        await self.chosen.commit(session, entry, events, origin=origin)

    async def replace(
        self, session: Session, state: SessionState, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        await self.chosen.replace(session, state, events, origin=origin)

    async def close(self, session: Session, *, origin: str | None = None) -> None:
        await self.chosen.close(session, origin=origin)

    async def attend(self, session: Session) -> None:
        await self.chosen.attend(session)

    def attend_soon(self, session: Session) -> None:
        self.chosen.attend_soon(session)

    async def summaries(self) -> list[tuple[str, SessionSummary]]:
        return await self.chosen.summaries()

    async def with_project(self, project_id: str) -> Session | None:
        return await self.chosen.with_project(project_id)

    async def claim(self, project_id: str, session: Session) -> None:
        await self.chosen.claim(project_id, session)

    async def release(self, project_id: str, session: Session) -> None:
        await self.chosen.release(project_id, session)
