"""Sessions: everything that REST and sockets can do with them, and what those who are on them are told."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, iso, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.errors import InvalidEvent, ServiceError
from pattern_stack.features.sessions.channel import register_channel
from pattern_stack.features.sessions.core.changes import Told
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import Document, Done
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.projects import Projects
from pattern_stack.features.sessions.rest import build_router
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore

_GRAPH_CHANGED: Told = ("graph-changed", {})


class Outcome(NamedTuple):
    """What a command, an undo or a redo has come to. Nothing that comes later changes it."""

    command_id: str
    node_id: str | None
    node: dict[str, Any] | None
    """The node it is about, where there is one and it is still there."""
    graph: bytes | None
    """The graph as JSON, where it was asked for."""
    undo_available: bool
    redo_available: bool


class Sessions:
    """The sessions of this instance. Everything is awaited on the hub's loop.

    A change and the place of its events are one step: whoever joins gets it in the snapshot or as events, never both.
    `templates`: directories of more templates. `clock` and `ids` are asked for every time and id.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        store: ProjectStore,
        templates: Iterable[Path] = (),
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        self.broadcast = broadcast
        self._clock = clock
        self.new_id = ids
        self._sessions: dict[str, Session] = {}
        self.catalogue = Catalogue(templates)
        self.projects = Projects(self, store)
        register_channel(broadcast, self)

    def get_router(self) -> APIRouter:
        """The REST calls, under /api/v1. Its lifespan closes the store. The application calls `add_exception_handlers`."""
        return build_router(self)

    # -- sessions

    def create(self) -> Session:
        session = Session(self.new_id(), self._clock(), self.new_document())
        self._sessions[session.id] = session
        return session

    def get(self, session_id: str) -> Session:
        try:
            return self._sessions[session_id]
        except KeyError:
            raise SessionNotFound(f"there is no session {session_id!r:.80}") from None

    def has(self, session_id: str) -> bool:
        return session_id in self._sessions

    def all(self) -> list[Session]:
        """The oldest first."""
        return list(self._sessions.values())

    async def close(self, session_id: str, *, origin: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed; its project can be loaded elsewhere, as it was saved last."""
        session = self.get(session_id)
        session.closed = True
        del self._sessions[session_id]
        self.projects.release(session)
        try:
            await self.publish(session, [("session-closed", {})], origin=origin)
        finally:  # also where this is cancelled: nobody could end it later
            await self.broadcast.end(session.channel)

    async def clean_up(self, max_inactive_hours: float) -> int:
        """Close those that are not in use and were idle for longer. Returns how many."""
        removed = 0
        for session in self.all():
            idle = (self._clock() - session.last_activity).total_seconds()
            if not session.closed and not session.in_use and idle > max_inactive_hours * 3600:
                await self.close(session.id)
                removed += 1
        return removed

    def touch(self, session: Session) -> None:
        session.last_activity = self._clock()

    # -- commands

    async def execute(
        self, session_id: str, command: Command, *, origin: str | None = None, graph: bool = False
    ) -> Outcome:
        """Carry out one command. Its failure is told to the clients too, and raised."""
        session = self.get(session_id)
        async with session.turn:
            session.check_open()
            command_id = self.new_id()
            begun: Told = ("command-executing", {"command_type": command.type})
            try:
                done = session.document.execute(command, command_id)
            except ServiceError as error:
                await self.publish(session, [begun, _executed(error)], command_id, origin)
                raise
            return await self._tell(session, done, [begun], _executed(), origin, graph, command.about)

    async def undo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """NothingToUndo where nothing is left."""
        return await self._step(session_id, Document.undo, "undo", origin, graph)

    async def redo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """NothingToRedo where nothing is left."""
        return await self._step(session_id, Document.redo, "redo", origin, graph)

    async def _step(
        self, session_id: str, step: Callable[[Document], Done], event: str, origin: str | None, graph: bool
    ) -> Outcome:
        session = self.get(session_id)
        async with session.turn:
            session.check_open()
            return await self._tell(session, step(session.document), [], (event, {}), origin, graph)

    async def _tell(
        self,
        session: Session,
        done: Done,
        before: list[Told],
        after: Told,
        origin: str | None,
        graph: bool,
        about: str | None = None,
    ) -> Outcome:
        self.touch(session)
        outcome = _outcome(session.document, done, graph, about)
        try:
            await self.publish(session, [*before, *done.told, after], done.command_id, origin)
        except InvalidEvent:  # one of them is too big: all of them are told as one, and none was published
            await self.publish(session, [*before, _GRAPH_CHANGED, after], done.command_id, origin)
        return outcome

    # -- what the parts share

    async def publish(
        self, session: Session, told: Sequence[Told], command_id: str | None = None, origin: str | None = None
    ) -> None:
        """All of them in one write. They have their places before anything else happens on the loop."""
        ids = {"session_id": session.id} if command_id is None else {"session_id": session.id, "command_id": command_id}
        events = [(session.channel, name, {**ids, **payload}) for name, payload in told]
        await self.broadcast.broadcast_many(events, origin=origin)

    def snapshot(self, session: Session, connection_id: str) -> dict[str, Any]:
        return {
            "session": session.info.model_dump(mode="json"),
            "graph": orjson.Fragment(session.document.encoded_tree),
            "connection_id": connection_id,
        }

    def new_document(self) -> Document:
        return Document(self.new_id, self._now)

    def _now(self) -> str:
        return iso(self._clock())


def _executed(error: ServiceError | None = None) -> Told:
    told = None if error is None else {"code": error.code, "message": str(error)}
    return "command-executed", {"success": error is None, "error": told}


def _outcome(document: Document, done: Done, graph: bool, about: str | None) -> Outcome:
    node_id = done.node_id or about
    node = document.graph.nodes.get(node_id) if node_id else None
    return Outcome(
        done.command_id,
        node_id,
        orjson.loads(orjson.dumps(node.fields())) if node else None,
        document.encoded_tree if graph else None,
        document.can_undo,
        document.can_redo,
    )
