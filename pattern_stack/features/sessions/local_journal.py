"""Sessions of one instance alone: they live in its memory, and what happens to them is published at once."""

import asyncio
from collections.abc import Sequence

from pattern_stack.atoms.broadcast import Position
from pattern_stack.atoms.broadcast.core.ledger import Ledger, MemoryLedger
from pattern_stack.features.sessions.announcements import Announcements, arrival_event
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.errors import ProjectInUse
from pattern_stack.features.sessions.journal import Journal
from pattern_stack.features.sessions.models import SessionSummary
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.repeats import LEDGER_BYTES
from pattern_stack.features.sessions.session import Session

_SUMMARIES = 64


class LocalJournal(Journal):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._ledger = MemoryLedger(LEDGER_BYTES)
        self._announcements = Announcements(self.attend)

    @property
    def instance(self) -> str:
        return self._registry.instance

    @property
    def is_shared(self) -> bool:
        return False

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    async def find(self, session_id: str) -> Session:
        return self._registry.get(session_id)

    async def begin(self, session: Session) -> None:
        pass

    async def refresh(self, session: Session) -> bool:
        session.check_open()
        return False

    async def position(self, session: Session) -> Position:
        session.check_open()
        return await self._registry.broadcast.position(session.channel)

    async def commit(
        self, session: Session, entry: Entry, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        session.check_open()
        if entry.detaches:
            self._registry.detach_project(session)
        entry.happen(session)
        if events:
            command_id = entry.command_id or None
            await self._registry.publish(session, events, command_id=command_id, origin=origin)

    async def replace(
        self, session: Session, state: SessionState, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        session.become(state)
        if state.project:
            self._registry.attach_project(session, state.project)
        self._registry.measure(session)
        await self._registry.publish(session, events, origin=origin)

    async def close(self, session: Session, *, origin: str | None = None) -> None:
        await self._registry.close(session.id, origin=origin)

    async def attend(self, session: Session) -> None:
        arrivals = session.attendance.due(asyncio.get_running_loop().time())
        self._announcements.soon(session)
        if arrivals:
            events = [arrival_event(arrival, session.active_clients) for arrival in arrivals]
            await self._registry.publish(session, events)

    def attend_soon(self, session: Session) -> None:
        self._announcements.soon(session)

    async def summaries(self) -> list[tuple[str, SessionSummary]]:
        found = list[tuple[str, SessionSummary]]()
        for number, session in enumerate(self._registry.all(), 1):
            found.append((session.id, session.summary))
            if number % _SUMMARIES == 0:
                await asyncio.sleep(0)
        return found

    # -- projects

    async def with_project(self, project_id: str) -> Session | None:
        return self._registry.with_project(project_id)

    async def claim(self, project_id: str, session: Session) -> None:
        live = self._registry.with_project(project_id)
        if live is not None and live is not session:
            raise ProjectInUse("the project is live in another session")

    async def release(self, project_id: str, session: Session) -> None:
        pass
