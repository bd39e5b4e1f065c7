"""What can be done with sessions and their graphs. It knows neither REST nor channels."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import orjson

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.steps import Steps, collect
from pattern_stack.atoms.turns import in_turns, to_the_end
from pattern_stack.errors import InvalidEvent, ServiceError
from pattern_stack.features.sessions.any_loop import on_any_loop
from pattern_stack.features.sessions.core.changes import EventData, GraphChange
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import GRAPH_CHANGED, Document, Executed
from pattern_stack.features.sessions.core.entry import Entry, Kind
from pattern_stack.features.sessions.core.state import Outcome
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.errors import NothingToRedo, NothingToUndo, SessionNotFound
from pattern_stack.features.sessions.journal import Journal, Moved, again
from pattern_stack.features.sessions.models import SessionInfo, SessionSummary
from pattern_stack.features.sessions.projects import Projects
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.repeats import Repeats
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore

__all__ = ["Outcome", "SessionService"]

_CLOSED_IN_A_TURN = 8


class SessionService:
    """Sessions: those of all instances where the broadcast has a bridge, of this one otherwise. What is awaited may be awaited
    on any event loop, in any thread.

    A client that joins gets each change in its snapshot or as events, never both and never neither. Work on big graphs
    takes many turns of the loop, which goes on with everything else meanwhile. With a bridge every call may raise
    SessionUnavailable.
    """

    def __init__(self, registry: Registry, catalogue: Catalogue, store: ProjectStore, journal: Journal) -> None:
        self.registry = registry
        self.catalogue = catalogue
        self.journal = journal
        self._repeats = Repeats(lambda: journal.ledger)
        self.projects = Projects(registry, catalogue, store, journal, self._repeats)

    @property
    def broadcast(self) -> WebSocketBroadcastBackend:
        """The backend that the events go to."""
        return self.registry.broadcast

    # -- sessions

    def create(self) -> Session:
        """An empty session: no nodes, no template, no project. Raises TooManySessions and SessionsFull.

        With a bridge, other instances know it after the first call about it that is awaited; see `begin`.
        """
        return self.registry.create()

    @on_any_loop
    async def begin(self, *, key: str | None = None) -> Session:
        """The same; all instances know it when this returns. `key`: a call with the same key within 300 s returns the same
        session."""
        return await self.journal.find(await self._repeats.once(key, "begin", self._begin))

    async def _begin(self) -> str:
        session = self.registry.create()
        try:
            await self.journal.begin(session)
        except BaseException:
            self.registry.forget(session)
            raise
        return session.id

    def get(self, session_id: str) -> Session:
        """The session as this instance has it. Raises SessionNotFound, also where only others have it: see `info`."""
        return self.registry.get(session_id)

    def all(self) -> list[Session]:
        """Those that this instance has, the oldest first."""
        return self.registry.all()

    @on_any_loop
    async def check(self, session_id: str) -> None:
        """Raises SessionNotFound where there is no such session, as far as this instance knows."""
        await self.journal.find(session_id)

    @on_any_loop
    async def info(self, session_id: str) -> SessionInfo:
        """The session as it is now, without its graph. Raises SessionNotFound."""
        session = await self.journal.find(session_id)
        if self.journal.is_shared:
            async with session.graph_lock:
                await self.journal.refresh(session)
        return session.info

    @on_any_loop
    async def summaries(self) -> list[SessionSummary]:
        """The sessions of all instances, the oldest first."""
        return [summary for _, summary in await self.journal.summaries()]

    @on_any_loop
    async def graph(self, session_id: str) -> bytes:
        """The session's graph as JSON: {"roots": [...]}, each node with its children in it. Raises SessionNotFound."""
        session = await self.journal.find(session_id)
        async with session.graph_lock:
            if self.journal.is_shared:
                await self.journal.refresh(session)
            return await in_turns(session.document.encode())

    @on_any_loop
    async def close(self, session_id: str, *, origin: str | None = None, key: str | None = None) -> None:
        """Its clients get `session-closed` and are unsubscribed; its project can be loaded elsewhere, as it was saved last.

        `origin` is on that event. `key`: a repeat with the same key within 300 s does nothing. Raises SessionNotFound.
        """

        async def call() -> str:
            session = await self.journal.find(session_id)
            await again(self.journal, session, lambda: self.journal.close(session, origin=origin))
            return ""

        await self._repeats.once(key, f"close {session_id}", call)

    @on_any_loop
    async def clean_up(self, max_inactive_hours: float) -> int:
        """Close those that no client is on and that were idle for longer. Returns how many."""
        removed = 0
        for number, (session_id, summary) in enumerate(await self.journal.summaries(), 1):
            if not summary.active_clients and self._idle(summary) > max_inactive_hours * 3600:
                removed += await self._clean(session_id, max_inactive_hours * 3600)
            if number % _CLOSED_IN_A_TURN == 0:
                await asyncio.sleep(0)
        return removed

    def _idle(self, session: Session | SessionSummary) -> float:
        return (self.registry.clock() - session.last_activity).total_seconds()

    async def _clean(self, session_id: str, seconds: float) -> bool:
        """Whether it was closed: somebody may have come meanwhile, or have closed it."""
        try:
            session = await self.journal.find(session_id)

            async def attempt() -> bool:
                if session.closed or session.in_use or self._idle(session) <= seconds:
                    return False
                await self.journal.close(session)
                return True

            return await again(self.journal, session, attempt)
        except SessionNotFound:
            return False

    # -- commands

    @on_any_loop
    async def execute(
        self,
        session_id: str,
        command: Command,
        *,
        origin: str | None = None,
        graph: bool = False,
        key: str | None = None,
    ) -> Outcome:
        """Carry out one command. Clients are sent its failure too.

        `origin` is on the events that it causes. `graph`: the outcome has the graph. `key`: within 300 s, a call of this
        session with the same key is answered with the outcome of the first that succeeded, and does nothing. Raises
        SessionNotFound, SessionsFull, and what `Command.plan` raises; nothing has changed then.
        """
        return await self._change(session_id, key, graph, lambda session: self._execute(session, command, key, origin))

    @on_any_loop
    async def undo(
        self, session_id: str, *, origin: str | None = None, graph: bool = False, key: str | None = None
    ) -> Outcome:
        """Take back the last command. Raises SessionNotFound and NothingToUndo. The rest is as with `execute`."""
        return await self._change(session_id, key, graph, lambda session: self._undo(session, key, origin))

    @on_any_loop
    async def redo(
        self, session_id: str, *, origin: str | None = None, graph: bool = False, key: str | None = None
    ) -> Outcome:
        """Carry out again what was undone last. Raises SessionNotFound and NothingToRedo. The rest is as with `execute`."""
        return await self._change(session_id, key, graph, lambda session: self._redo(session, key, origin))

    async def _change(
        self, session_id: str, key: str | None, graph: bool, change: Callable[[Session], Awaitable[Outcome]]
    ) -> Outcome:
        session = await self.journal.find(session_id)
        async with session.turn:
            return await again(self.journal, session, lambda: self._changed(session, key, graph, change))

    async def _changed(
        self, session: Session, key: str | None, graph: bool, change: Callable[[Session], Awaitable[Outcome]]
    ) -> Outcome:
        async with session.graph_lock:
            session.check_open()
            outcome = session.result(key) or await change(session)
            if outcome.node_id and outcome.node_json is None:
                outcome = outcome._replace(node_json=_node_json(session.document, outcome.node_id))
            return outcome._replace(graph=await in_turns(session.document.encode()) if graph else None)

    async def _execute(self, session: Session, command: Command, key: str | None, origin: str | None) -> Outcome:
        command_id, document = self.registry.new_id(), session.document
        executing: EventData = ("command-executing", {"command_type": command.type})
        try:
            self.registry.check_room()
            changes = await in_turns(collect(command.plan(document)))
        except ServiceError as error:
            await self._check_newest(session)
            events = [executing, _command_executed(error)]
            await self.registry.publish(session, events, command_id=command_id, origin=origin)
            raise
        entry = Entry(kind="execute", command_id=command_id, changes=changes, key=key)
        steps, around = document.apply(changes, command_id), ([executing], _command_executed())
        return await self._carry_out(session, steps, entry, around, changes, origin, command.subject_id)

    async def _undo(self, session: Session, key: str | None, origin: str | None) -> Outcome:
        return await self._step(session, session.document.undo(), "undo", key, origin)

    async def _redo(self, session: Session, key: str | None, origin: str | None) -> Outcome:
        return await self._step(session, session.document.redo(), "redo", key, origin)

    async def _step(
        self, session: Session, steps: Steps[Executed], kind: Kind, key: str | None, origin: str | None
    ) -> Outcome:
        undo, redo = session.document.tops
        step = undo if kind == "undo" else redo
        changes = step.changes if step else ()
        if kind == "undo":
            changes = [change.inverse() for change in reversed(changes)]
        entry = Entry(kind=kind, command_id=step.command_id if step else "", key=key)
        try:
            return await self._carry_out(session, steps, entry, ([], (kind, {})), changes, origin)
        except (NothingToUndo, NothingToRedo):
            await self._check_newest(session)
            raise

    async def _check_newest(self, session: Session) -> None:
        """Before a failure is told: raises Moved where it may be that of an earlier state."""
        session.check_open()
        if self.journal.is_shared and await self.journal.refresh(session):
            raise Moved

    async def _carry_out(
        self,
        session: Session,
        steps: Steps[Executed],
        entry: Entry,
        around: tuple[list[EventData], EventData],
        changes: Sequence[GraphChange],
        origin: str | None,
        subject_id: str | None = None,
    ) -> Outcome:
        """`around`: the events before and after those of the graph. `changes`: what is done to the graph."""
        document = session.document
        stacks = document.stacks if self.journal.is_shared else None
        executed = await to_the_end(steps)
        self.registry.measure(session)
        session.check_open()
        outcome = _outcome(document, executed, subject_id)
        entry = replace(entry, at=self.registry.clock(), result=outcome if entry.key else None)
        try:
            await self._commit(session, entry, executed.events, around, origin)
        except BaseException:
            if stacks is not None:
                await to_the_end(document.take_back(changes, stacks))
                self.registry.measure(session)
            raise
        return outcome

    async def _commit(
        self,
        session: Session,
        entry: Entry,
        events: Sequence[EventData],
        around: tuple[list[EventData], EventData],
        origin: str | None,
    ) -> None:
        before, after = around
        try:
            await self.journal.commit(session, entry, [*before, *events, after], origin=origin)
        except InvalidEvent:  # one of them is too big, and none was published
            await self.journal.commit(session, entry, [*before, GRAPH_CHANGED, after], origin=origin)


def _command_executed(error: ServiceError | None = None) -> EventData:
    failure = None if error is None else {"code": error.code, "message": str(error)}
    return "command-executed", {"success": error is None, "error": failure}


def _outcome(document: Document, executed: Executed, subject_id: str | None) -> Outcome:
    node_id = executed.node_id or subject_id
    node_json = _node_json(document, node_id) if node_id else None
    return Outcome(executed.command_id, node_id, node_json, None, document.can_undo, document.can_redo)


def _node_json(document: Document, node_id: str) -> bytes | None:
    node = document.graph.nodes.get(node_id)
    return orjson.dumps(node.fields()) if node else None
