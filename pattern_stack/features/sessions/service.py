"""What can be done with sessions and their graphs. It knows neither REST nor channels."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.steps import Steps, collect
from pattern_stack.atoms.turns import in_turns, to_the_end
from pattern_stack.errors import InvalidEvent, ServiceError
from pattern_stack.features.sessions.any_loop import on_any_loop
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import GRAPH_CHANGED, Document, Executed
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.projects import Projects
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore

_CLOSED_IN_A_TURN = 8


class Outcome(NamedTuple):
    """The result of a command, an undo or a redo. It does not change with the session."""

    command_id: str
    node_id: str | None
    node_json: bytes | None
    """The node with `node_id` as JSON, where there is one and it is still there."""
    graph: bytes | None
    """The graph as JSON, where it was asked for."""
    undo_available: bool
    redo_available: bool

    @property
    def node(self) -> dict[str, Any] | None:
        """The same node; a fresh copy each time."""
        return None if self.node_json is None else orjson.loads(self.node_json)


class SessionService:
    """The sessions of this instance. What is awaited may be awaited on any event loop, in any thread.

    A client that joins gets each change in its snapshot or as events, never both and never neither. Work on big graphs
    takes many turns of the loop, which goes on with everything else meanwhile.
    """

    def __init__(self, registry: Registry, catalogue: Catalogue, store: ProjectStore) -> None:
        self.registry = registry
        self.catalogue = catalogue
        self.projects = Projects(registry, catalogue, store)

    @property
    def broadcast(self) -> WebSocketBroadcastBackend:
        """The backend that the events go to."""
        return self.registry.broadcast

    # -- sessions

    def create(self) -> Session:
        """An empty session: no nodes, no template, no project. Raises TooManySessions and SessionsFull."""
        return self.registry.create()

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        return self.registry.get(session_id)

    def all(self) -> list[Session]:
        """The oldest first."""
        return self.registry.all()

    @on_any_loop
    async def graph(self, session_id: str) -> bytes:
        """The session's graph as JSON: {"roots": [...]}, each node with its children in it. Raises SessionNotFound."""
        session = self.get(session_id)
        async with session.graph_lock:
            return await in_turns(session.document.encode())

    @on_any_loop
    async def close(self, session_id: str, *, origin: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed; its project can be loaded elsewhere, as it was saved last.

        `origin` is on that event. Raises SessionNotFound.
        """
        await self.registry.close(session_id, origin=origin)

    @on_any_loop
    async def clean_up(self, max_inactive_hours: float) -> int:
        """Close those that no client is on and that were idle for longer. Returns how many."""
        removed = 0
        for number, session in enumerate(self.all(), 1):
            idle = (self.registry.clock() - session.last_activity).total_seconds()
            if not session.closed and not session.in_use and idle > max_inactive_hours * 3600:
                await self.registry.close(session.id)
                removed += 1
            if number % _CLOSED_IN_A_TURN == 0:
                await asyncio.sleep(0)
        return removed

    # -- commands

    @on_any_loop
    async def execute(
        self, session_id: str, command: Command, *, origin: str | None = None, graph: bool = False
    ) -> Outcome:
        """Carry out one command. Clients are sent its failure too.

        `origin` is on the events that it causes. `graph`: the outcome has the graph. Raises SessionNotFound, SessionsFull,
        and what `Command.plan` raises; nothing has changed then.
        """
        session = self.get(session_id)
        async with session.turn:
            session.check_open()
            command_id = self.registry.new_id()
            executing: EventData = ("command-executing", {"command_type": command.type})
            try:
                self.registry.check_room()
                changes = await in_turns(collect(command.plan(session.document)))
            except ServiceError as error:
                session.check_open()
                events = [executing, _command_executed(error)]
                await self.registry.publish(session, events, command_id=command_id, origin=origin)
                raise
            steps = session.document.apply(changes, command_id)
            after = _command_executed()
            return await self._carry_out(session, steps, [executing], after, origin, graph, command.subject_id)

    @on_any_loop
    async def undo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """Take back the last command. Raises SessionNotFound and NothingToUndo. The rest is as with `execute`."""
        return await self._step(session_id, Document.undo, "undo", origin, graph)

    @on_any_loop
    async def redo(self, session_id: str, *, origin: str | None = None, graph: bool = False) -> Outcome:
        """Carry out again what was undone last. Raises SessionNotFound and NothingToRedo. The rest is as with `execute`."""
        return await self._step(session_id, Document.redo, "redo", origin, graph)

    async def _step(
        self, session_id: str, step: Callable[[Document], Steps[Executed]], event: str, origin: str | None, graph: bool
    ) -> Outcome:
        session = self.get(session_id)
        async with session.turn:
            return await self._carry_out(session, step(session.document), [], (event, {}), origin, graph)

    async def _carry_out(
        self,
        session: Session,
        steps: Steps[Executed],
        before: list[EventData],
        after: EventData,
        origin: str | None,
        graph: bool,
        subject_id: str | None = None,
    ) -> Outcome:
        async with session.graph_lock:
            session.check_open()
            executed = await to_the_end(steps)
            self.registry.measure(session)
            session.check_open()
            self.registry.touch(session)
            await self._publish(session, executed, before, after, origin)
            encoded = await in_turns(session.document.encode()) if graph else None
            return _outcome(session.document, executed, encoded, subject_id)

    async def _publish(
        self,
        session: Session,
        executed: Executed,
        before: list[EventData],
        after: EventData,
        origin: str | None,
    ) -> None:
        command_id = executed.command_id
        try:
            events = [*before, *executed.events, after]
            await self.registry.publish(session, events, command_id=command_id, origin=origin)
        except InvalidEvent:  # one of them is too big, and none was published
            events = [*before, GRAPH_CHANGED, after]
            await self.registry.publish(session, events, command_id=command_id, origin=origin)


def _command_executed(error: ServiceError | None = None) -> EventData:
    failure = None if error is None else {"code": error.code, "message": str(error)}
    return "command-executed", {"success": error is None, "error": failure}


def _outcome(document: Document, executed: Executed, graph: bytes | None, subject_id: str | None) -> Outcome:
    node_id = executed.node_id or subject_id
    node = document.graph.nodes.get(node_id) if node_id else None
    return Outcome(
        executed.command_id,
        node_id,
        orjson.dumps(node.fields()) if node else None,
        graph,
        document.can_undo,
        document.can_redo,
    )
