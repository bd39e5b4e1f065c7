"""Sessions that instances share: what happens to one is in the store's journal of its channel before it counts."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from uuid import UUID
from weakref import WeakValueDictionary

from pattern_stack.atoms.broadcast import Position
from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.journal import JournalReading, Step
from pattern_stack.atoms.broadcast.core.event import Draft
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.atoms.steps import Steps
from pattern_stack.atoms.turns import in_turns, to_the_end
from pattern_stack.errors import BroadcastError
from pattern_stack.features.sessions.announcements import Announcements, arrival_event
from pattern_stack.features.sessions.compaction import Compaction
from pattern_stack.features.sessions.core import snapshot
from pattern_stack.features.sessions.core.about import About
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.entry import Entry, fold
from pattern_stack.features.sessions.core.fellows import Fellows
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.errors import SessionNotFound, SessionUnavailable
from pattern_stack.features.sessions.journal import Journal, Moved, again
from pattern_stack.features.sessions.legible import legible
from pattern_stack.features.sessions.models import SessionSummary
from pattern_stack.features.sessions.project_claims import ProjectClaims
from pattern_stack.features.sessions.registry import Registry, published
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store_calls import StoreCalls

logger = logging.getLogger(__name__)

_CHANNEL = "session:"
_OFFERS = 5
_AGAIN_SECONDS = 0.2


class SharedJournal(Journal):
    """Each instance has the sessions that it is asked for, as the journal tells them. Any of them may write the next entry:
    it is taken only behind the last one, so an instance that was paused, or cut off, finds that it has to read first.
    """

    def __init__(self, registry: Registry, engine: SharedEngine) -> None:
        self._registry = registry
        self._ledger = engine.ledger("")
        self.fellows = Fellows(registry.instance)
        self.started: Callable[[], None] = lambda: None
        """Called with each call: what this instance does by itself begins with the first."""
        self.calls = StoreCalls(engine, self._reborn)
        self._claims = ProjectClaims(self.calls, self, self.fellows)
        self._announcements = Announcements(self.attend)
        self._compaction = Compaction(self.calls)
        self._offering: asyncio.Task[None] | None = None
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def instance(self) -> str:
        return self._registry.instance

    @property
    def is_shared(self) -> bool:
        return True

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def _reborn(self) -> None:
        """The store may have lost what this instance has."""
        if self._offering is None or self._offering.done():
            self._offering = asyncio.get_running_loop().create_task(self._offer_all())

    async def _offer_all(self) -> None:
        """As long as the store may take it."""
        for _ in range(_OFFERS):
            try:
                await self._offer_each()
                return
            except (BroadcastError, SessionUnavailable) as error:
                logger.warning("the store may lack sessions of this instance: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _offer_each(self) -> None:
        self.calls.begin()
        for session in self._registry.all():
            if session.project and session.owner == self.instance:
                await self._claims.offer(session.project.project_id, session)
            async with session.graph_lock:
                if not session.closed:
                    await self.offer(session)

    # -- which sessions there are

    async def find(self, session_id: str) -> Session:
        self.calls.begin()
        self.started()
        session = self._registry.get(session_id) if self._registry.has(session_id) else await self._open(session_id)
        if not session.number:
            async with session.graph_lock:
                await self._begin(session)
        session.used = asyncio.get_running_loop().time()
        return session

    async def begin(self, session: Session) -> None:
        self.calls.begin()
        self.started()
        async with session.graph_lock:
            await self._begin(session)

    async def _begin(self, session: Session) -> None:
        if not session.number:
            session.is_shared = True
            await self._write(session, session, b"", (), whole=await in_turns(snapshot.dump(session)))

    async def _open(self, session_id: str) -> Session:
        if not _is_uuid(session_id):
            raise _not_found(session_id)
        async with self._opening.setdefault(session_id, asyncio.Lock()):
            if self._registry.has(session_id):
                return self._registry.get(session_id)
            reading = await self.calls.read(_CHANNEL + session_id, 0, "")
            if reading.state == "gone":
                raise _not_found(session_id)
            self._registry.check_room()
            new = self._registry.new_document()
            session = Session(session_id, self._registry.clock(), new, "", is_shared=True)
            with legible(session_id):
                await in_turns(self._follow(session, reading))
            self._registry.add(session)
            return session

    async def summaries(self) -> list[tuple[str, SessionSummary]]:
        self.calls.begin()
        found = [(id, about.summary) for id, about in await self.abouts()]
        return sorted(found, key=lambda one: one[1].created_at)

    async def abouts(self) -> list[tuple[str, About]]:
        """What the store tells of each session, by its id."""
        found = list[tuple[str, About]]()
        for number, (channel, about) in enumerate(await self.calls.all(), 1):
            if channel.startswith(_CHANNEL):
                found.append((channel.removeprefix(_CHANNEL), About.of(about)))
            if number % 64 == 0:
                await asyncio.sleep(0)
        return found

    # -- what happened elsewhere

    async def refresh(self, session: Session) -> bool:
        before = session.number, session.entry
        await self._catch_up(session)
        return (session.number, session.entry) != before

    async def position(self, session: Session) -> Position:
        return (await self._catch_up(session)).position

    async def _catch_up(self, session: Session) -> JournalReading:
        await self._begin(session)
        session.check_open()
        reading = await self.calls.read(session.channel, session.number, session.entry, lambda: self.offer(session))
        if reading.state == "gone":
            self._registry.forget(session)
            raise _not_found(session.id)
        with legible(session.id):
            await to_the_end(self._follow(session, reading))
        session.confirmed = asyncio.get_running_loop().time()
        self._registry.measure(session)
        return reading

    async def keep(self, session: Session) -> None:
        """The session is as it is elsewhere, and the store keeps it, and the claim of its project."""
        async with session.graph_lock:
            await self.refresh(session)
        if session.project:
            await self._claims.keep(session.project.project_id, session)

    def _follow(self, session: Session, reading: JournalReading) -> Steps[None]:
        if reading.number == session.number and reading.snapshot is None:
            return
        session.number = -1  # if this breaks off, all of it is read anew
        if reading.snapshot is not None:
            session.become((yield from snapshot.load(reading.snapshot, self._registry.new_document)))
            session.base, session.snapshot_bytes = reading.number - len(reading.entries), len(reading.snapshot)
            session.journal_bytes = 0
        for entry in reading.entries:
            yield from fold(session, entry)
        session.journal_bytes += sum(map(len, reading.entries))
        session.number, session.entry = reading.number, reading.id

    async def offer(self, session: Session) -> None:
        """To a store that may have lost it. Where its owner is gone, it is gone. The caller holds `graph_lock`."""
        if session.number <= 0 or not self.fellows.may_live(session.owner):
            return
        about = self._about(session, session, session.number).encode()
        offered = (session.channel, session.number, session.entry, about)
        if await self.calls.offer(*offered, None):
            await self.calls.offer(*offered, await in_turns(snapshot.dump(session)))

    # -- what happens here

    async def commit(
        self, session: Session, entry: Entry, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        drafts = self._drafts(session, events, entry.command_id or None, origin)
        after = _copy(session)
        entry.happen(after)
        await self._write(session, after, entry.encode(), drafts)
        entry.happen(session)
        self._compaction.start_if_due(session)

    async def replace(
        self, session: Session, state: SessionState, events: Sequence[EventData], *, origin: str | None = None
    ) -> None:
        drafts = self._drafts(session, events, None, origin)
        await self._write(session, state, b"", drafts, whole=await in_turns(snapshot.dump(state)))
        session.become(state)
        self._registry.measure(session)

    async def close(self, session: Session, *, origin: str | None = None) -> None:
        drafts = self._drafts(session, [("session-closed", {})], None, origin)
        async with session.graph_lock:
            session.check_open()
            await self._begin(session)
            await self._write(session, session, b"", drafts, ends=True)
            self._registry.forget(session)
        await self._registry.end(session)

    async def _write(
        self,
        session: Session,
        after: SessionState,
        entry: bytes,
        drafts: Sequence[Draft],
        *,
        whole: bytes | None = None,
        ends: bool = False,
    ) -> None:
        """`after`: the session behind the entry, or, as a snapshot, `whole`."""
        session.check_open()
        about = self._about(session, after, session.number + 1).encode()
        step = Step(session.number, session.entry, secrets.token_hex(8), entry, about, whole, ends)
        appended = await self.calls.append(session.channel, step, drafts)
        if appended.state == "gone":
            self._registry.forget(session)
            raise _not_found(session.id)
        if appended.state != "done":
            raise Moved
        session.number, session.entry = session.number + 1, step.id
        if whole is None:
            session.journal_bytes += len(entry)
        else:
            session.base, session.journal_bytes, session.snapshot_bytes = session.number, 0, len(whole)

    def _about(self, session: Session, after: SessionState, number: int) -> About:
        members = {instance: len(there) for instance, there in after.members.items()}
        summary = SessionSummary(
            session_id=session.id,
            created_at=after.created_at,
            last_activity=after.last_activity,
            active_clients=sum(members.values()),
            has_project=after.project is not None,
        )
        return About(summary, after.owner, members, number)

    def _drafts(
        self, session: Session, events: Sequence[EventData], command_id: str | None, origin: str | None
    ) -> list[Draft]:
        draft = self._registry.broadcast.draft
        return [draft(*one, origin=origin) for one in published(session, events, command_id)]

    # -- who is there

    async def attend(self, session: Session) -> None:
        await again(self, session, lambda: self._attend(session))
        self._announcements.soon(session)

    def attend_soon(self, session: Session) -> None:
        self._announcements.soon(session, 0)

    async def _attend(self, session: Session) -> None:
        async with session.graph_lock:
            session.check_open()
            present, told = session.attendance.present, session.members.get(self.instance, set())
            come, left = sorted(present - told), sorted(told - present)
            arrivals = session.attendance.due(asyncio.get_running_loop().time())
            if not come and not left and not arrivals:
                return
            count = session.active_clients + len(come) - len(left)
            entry = Entry(at=self._registry.clock() if come else None, members={self.instance: (come, left)})
            try:
                await self.commit(session, entry, [arrival_event(arrival, count) for arrival in arrivals])
            except BaseException:
                session.attendance.unsent(arrivals)
                raise

    # -- projects

    async def with_project(self, project_id: str) -> Session | None:
        self.calls.begin()
        return await self._claims.holder(project_id)

    async def claim(self, project_id: str, session: Session) -> None:
        await self._claims.claim(project_id, session)

    async def release(self, project_id: str, session: Session) -> None:
        await self._claims.release(project_id, session)


def _copy(session: Session) -> SessionState:
    after = SessionState(session.created_at, session.document, session.owner)
    after.last_activity, after.project = session.last_activity, session.project
    after.members = {instance: there.copy() for instance, there in session.members.items()}
    return after


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _not_found(session_id: str) -> SessionNotFound:
    return SessionNotFound(f"there is no session {session_id!r:.80}")
