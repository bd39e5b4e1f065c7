"""The sessions that this instance has, and what is published on their channels."""

from collections.abc import Sequence
from typing import Any

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.core.process import ProcessToken
from pattern_stack.atoms.clock import Clock, iso
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.limits import SessionLimits
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.errors import SessionNotFound, SessionsFull, TooManySessions
from pattern_stack.features.sessions.session import Session


class Registry:
    """Sessions by id, and by the project that is live in them. Only the hub's loop changes it; all of it is of this instance."""

    def __init__(self, broadcast: WebSocketBroadcastBackend, limits: SessionLimits, clock: Clock, ids: Ids) -> None:
        self.broadcast = broadcast
        self.limits = limits
        self.clock = clock
        self.new_id = ids
        self.size = 0
        """Bytes that the documents of all sessions count."""
        self._token = ProcessToken(4)
        self._sessions: dict[str, Session] = {}
        self._by_project: dict[str, Session] = {}

    def create(self) -> Session:
        """An empty session. Raises TooManySessions and SessionsFull."""
        if len(self._sessions) >= self.limits.sessions:
            raise TooManySessions(f"there are {self.limits.sessions} sessions already")
        self.check_room()
        session = Session(self.new_id(), self.clock(), self.new_document(), self.instance)
        self._sessions[session.id] = session
        return session

    @property
    def instance(self) -> str:
        """The name of this instance: another one in each process."""
        return str(self._token)

    def add(self, session: Session) -> None:
        """One that was made elsewhere."""
        self._sessions[session.id] = session
        self.measure(session)

    def drop(self, session: Session) -> None:
        """This instance does not have it any more: it is made anew when it is asked for."""
        self._sessions.pop(session.id, None)
        self.size -= session.size
        session.size = 0

    def forget(self, session: Session) -> None:
        """It is closed."""
        session.closed = True
        self._sessions.pop(session.id, None)
        self.measure(session)

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        try:
            return self._sessions[session_id]
        except KeyError:
            raise SessionNotFound(f"there is no session {session_id!r:.80}") from None

    def has(self, session_id: str) -> bool:
        return session_id in self._sessions

    def all(self) -> list[Session]:
        """The oldest first."""
        return list(self._sessions.values())

    def new_document(self) -> Document:
        return Document(self.new_id, lambda: iso(self.clock()), self.limits)

    # -- what they hold

    def check_room(self) -> None:
        """Called before anything that may add to a document. Raises SessionsFull."""
        if self.size >= self.limits.total_bytes:
            raise SessionsFull(f"the sessions hold {self.limits.total_bytes} bytes already")

    def measure(self, session: Session) -> None:
        """Called after the session's document has changed."""
        size = 0 if session.closed else session.document.size
        self.size += size - session.size
        session.size = size

    # -- what happens to them

    def touch(self, session: Session) -> None:
        """Its last activity is now."""
        session.last_activity = self.clock()

    async def close(self, session_id: str, *, origin: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed. Raises SessionNotFound."""
        session = self.get(session_id)
        self.forget(session)
        if session.project:
            del self._by_project[session.project.project_id]
        try:
            await self.publish(session, [("session-closed", {})], origin=origin)
        finally:  # also if this call is cancelled: no later call could end the channel
            await self.end(session)

    async def end(self, session: Session) -> None:
        """Nobody is on its channels any more."""
        await self.broadcast.end(session.channel)
        await self.broadcast.end(session.cursors_channel)

    # -- the projects that are live in them

    def with_project(self, project_id: str) -> Session | None:
        """The session that the project is live in, or None."""
        return self._by_project.get(project_id)

    def attach_project(self, session: Session, project: Project) -> None:
        """The project is live in this session from here on."""
        session.project = project
        self._by_project[project.project_id] = session

    def detach_project(self, session: Session) -> None:
        """The session has no project from here on, and another one may load it."""
        if session.project:
            del self._by_project[session.project.project_id]
            session.project = None

    # -- events

    async def publish(
        self,
        session: Session,
        events: Sequence[EventData],
        *,
        command_id: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Publish these events in one write. They have their offsets before anything else runs on the loop.

        Raises InvalidEvent, where one of them is too big; none is published then.
        """
        await self.broadcast.broadcast_many(published(session, events, command_id), origin=origin)


def published(
    session: Session, events: Sequence[EventData], command_id: str | None
) -> list[tuple[str, str, dict[str, Any]]]:
    """As the broadcast takes them: each names the session, and the command that caused it."""
    ids = {"session_id": session.id} if command_id is None else {"session_id": session.id, "command_id": command_id}
    return [(session.channel, name, {**ids, **payload}) for name, payload in events]
