"""What can be done with sessions and their graphs, without a word of REST and channels."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.errors import InvalidEvent, ServiceError
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import GRAPH_CHANGED, Document, Executed
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.projects import Projects
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore


class Outcome(NamedTuple):
    """What a command, an undo or a redo has come to. Nothing that comes later changes it."""

    command_id: str
    node_id: str | None
    node: dict[str, Any] | None
    """The node with `node_id`, where there is one and it is still there."""
    graph: bytes | None
    """The graph as JSON, where it was asked for."""
    undo_available: bool
    redo_available: bool


class SessionService:
    """The sessions of this instance. Everything is awaited on the hub's loop.

    There is no await between a change and its events' offsets: whoever joins gets it in the snapshot or as events, never
    both.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        store: ProjectStore,
        templates: Iterable[Path],
        clock: Clock,
        ids: Ids,
    ) -> None:
        self.broadcast = broadcast
        self.registry = Registry(broadcast, clock, ids)
        self.catalogue = Catalogue(templates)
        self.projects = Projects(self.registry, self.catalogue, store)

    # -- sessions

    def create(self) -> Session:
        """An empty session: no nodes, no template, no project."""
        return self.registry.create()

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        return self.registry.get(session_id)

    def all(self) -> list[Session]:
        """The oldest first."""
        return self.registry.all()

    async def close(self, session_id: str, *, origin: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed; its project can be loaded elsewhere, as it was saved last.

        Raises SessionNotFound.
        """
        await self.registry.close(session_id, origin=origin)

    async def clean_up(self, max_inactive_hours: float) -> int:
        """Close those that are not in use and were idle for longer. Returns how many."""
        removed = 0
        for session in self.all():
            idle = (self.registry.clock() - session.last_activity).total_seconds()
            if not session.closed and not session.in_use and idle > max_inactive_hours * 3600:
                await self.close(session.id)
                removed += 1
        return removed

    # -- commands

    async def execute(
        self, session_id: str, command: Command, *, origin: str | None = None, graph: bool = False
    ) -> Outcome:
        """Carry out one command. Clients are sent its failure too.

        `origin` is on the events that it causes. `graph`: the outcome has the graph. Raises SessionNotFound, and what
        `Command.plan` raises; nothing has changed then.
        """
        session = self.get(session_id)
        async with session.turn:
            session.check_open()
            command_id = self.registry.new_id()
            executing: EventData = ("command-executing", {"command_type": command.type})
            try:
                changes = command.plan(session.document)
            except ServiceError as error:
                events = [executing, _command_executed(error)]
                await self.registry.publish(session, events, command_id=command_id, origin=origin)
                raise
            executed = session.document.apply(changes, command_id)
            return await self._publish(
                session, executed, [executing], _command_executed(), origin, graph, command.subject_id
            )

    async def undo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """Take back the last command. Raises SessionNotFound and NothingToUndo."""
        return await self._step(session_id, Document.undo, "undo", origin, graph)

    async def redo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """Carry out again what was undone last. Raises SessionNotFound and NothingToRedo."""
        return await self._step(session_id, Document.redo, "redo", origin, graph)

    async def _step(
        self, session_id: str, step: Callable[[Document], Executed], event: str, origin: str | None, graph: bool
    ) -> Outcome:
        session = self.get(session_id)
        async with session.turn:
            session.check_open()
            return await self._publish(session, step(session.document), [], (event, {}), origin, graph)

    async def _publish(
        self,
        session: Session,
        executed: Executed,
        before: list[EventData],
        after: EventData,
        origin: str | None,
        graph: bool,
        subject_id: str | None = None,
    ) -> Outcome:
        self.registry.touch(session)
        outcome = _outcome(session.document, executed, graph, subject_id)
        ids = {"command_id": executed.command_id, "origin": origin}
        try:
            await self.registry.publish(session, [*before, *executed.events, after], **ids)
        except InvalidEvent:  # one of them is too big, and none was published
            await self.registry.publish(session, [*before, GRAPH_CHANGED, after], **ids)
        return outcome


def _command_executed(error: ServiceError | None = None) -> EventData:
    told = None if error is None else {"code": error.code, "message": str(error)}
    return "command-executed", {"success": error is None, "error": told}


def _outcome(document: Document, executed: Executed, graph: bool, subject_id: str | None) -> Outcome:
    node_id = executed.node_id or subject_id
    node = document.graph.nodes.get(node_id) if node_id else None
    return Outcome(
        executed.command_id,
        node_id,
        orjson.loads(orjson.dumps(node.fields())) if node else None,
        document.encoded_tree if graph else None,
        document.can_undo,
        document.can_redo,
    )
