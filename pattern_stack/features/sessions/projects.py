"""Projects: made and loaded into sessions, saved, and live in one session at a time."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import orjson

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.steps import at_once
from pattern_stack.atoms.turns import in_turns
from pattern_stack.features.sessions.any_loop import on_any_loop
from pattern_stack.features.sessions.core import saved_form
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.core.limits import MAX_EVENT_BYTES, MAX_EVENTS
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.errors import ProjectExists
from pattern_stack.features.sessions.journal import Journal, Moved, again
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.repeats import Repeats
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore


class Projects:
    """The projects of sessions, and the store that keeps them.

    What is awaited may be awaited on any event loop, in any thread.
    """

    def __init__(
        self, registry: Registry, catalogue: Catalogue, store: ProjectStore, journal: Journal, repeats: Repeats
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._store = store
        self._journal = journal
        self._repeats = repeats
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def broadcast(self) -> WebSocketBroadcastBackend:
        """The backend that the events go to."""
        return self._registry.broadcast

    def _turn(self, project_id: str) -> asyncio.Lock:
        """Held while the saved form is read or written, so that the call that came last is the one that is kept."""
        return self._turns.setdefault(project_id, asyncio.Lock())

    @on_any_loop
    async def create(
        self,
        template_id: str,
        name: str,
        session_id: str | None = None,
        origin: str | None = None,
        *,
        key: str | None = None,
    ) -> Session:
        """A saved project with a root of the template's first type, in this session or in a new one.

        The session keeps the nodes that it has. `origin` is on the event. `key`: a repeat with the same key within 300 s
        returns the same session, and does nothing. Raises TemplateNotFound, SessionNotFound, ProjectExists where the session
        has a project, InvalidParent where the template lacks a type of its nodes, GraphFull, SessionsFull, TooManySessions
        and StoreUnavailable.
        """

        async def call() -> str:
            return (await self._made(template_id, name, session_id, origin)).id

        return await self._journal.find(await self._repeats.once(key, f"project {session_id}", call))

    async def _made(self, template_id: str, name: str, session_id: str | None, origin: str | None) -> Session:
        template = self._catalogue.get(template_id)
        session = await self._new() if session_id is None else await self._journal.find(session_id)
        project = Project(self._registry.new_id(), name, template.id)
        try:
            async with session.turn:
                create = partial(self._create, session, template, project, origin)
                await again(self._journal, session, create)
        except BaseException:
            if session_id is None and not session.closed:
                await again(self._journal, session, partial(self._journal.close, session))
            raise
        return session

    async def _new(self) -> Session:
        session = self._registry.create()
        await self._journal.begin(session)
        return session

    async def _create(self, session: Session, template: Template, project: Project, origin: str | None) -> None:
        async with session.graph_lock:
            await self._journal.refresh(session)
            session.check_open()
            if session.project:
                raise ProjectExists("this session has a project")
            self._registry.check_room()
            number, document = session.number, session.document.with_root(template, project.name)
            form = await in_turns(saved_form.dump(project, template, document.graph))
        await self._store.save(project.project_id, form)
        if session.closed:  # while it was saved: its id was never given out
            await self._store.delete(project.project_id)
        await self._journal.claim(project.project_id, session)
        try:
            await self._replace(session, number, document, project, "project-created", project.fields(), origin)
        finally:
            await self._journal.release(project.project_id, session)

    @on_any_loop
    async def load(
        self, session_id: str, project_id: str, origin: str | None = None, *, key: str | None = None
    ) -> Session:
        """Put the saved project in the place of the session's graph.

        `origin` and `key` are as with `create`. Raises SessionNotFound, ProjectNotFound, ProjectInUse where the project is live
        in another session, ProjectExists where this session has another project, GraphFull where it was saved with more
        bytes than a graph may have now, SessionsFull and StoreUnavailable.
        """

        async def call() -> str:
            return (await self._loaded(session_id, project_id, origin)).id

        return await self._journal.find(await self._repeats.once(key, f"load {session_id} {project_id}", call))

    async def _loaded(self, session_id: str, project_id: str, origin: str | None) -> Session:
        session = await self._journal.find(session_id)
        async with session.turn, self._turn(project_id):
            await self._journal.claim(project_id, session)
            try:
                await again(self._journal, session, partial(self._load, session, project_id, origin))
            finally:
                await self._journal.release(project_id, session)
            return session

    async def _load(self, session: Session, project_id: str, origin: str | None) -> None:
        form = await self._store.load(project_id)
        async with session.graph_lock:
            await self._journal.refresh(session)
        session.check_open()
        if session.project and session.project.project_id != project_id:
            raise ProjectExists("this session has a project")
        self._registry.check_room()
        number = session.number
        project, template, graph = await in_turns(saved_form.parse(form))
        document = self._registry.new_document()
        document.check_room(len(graph), graph.size)
        document.template, document.graph = template, graph
        await self._replace(session, number, document, project, "project-loaded", project.fields(), origin)

    async def _replace(
        self,
        session: Session,
        number: int,
        document: Document,
        project: Project | None,
        event: str,
        metadata: dict[str, str],
        origin: str | None,
    ) -> None:
        """`number`: of the session that the document was made for. Raises Moved where it has changed since."""
        async with session.graph_lock:
            session.check_open()
            if session.number != number:
                raise Moved
            state = SessionState(session.created_at, document, session.owner)
            state.last_activity, state.project = self._registry.clock(), project
            state.members = {instance: there.copy() for instance, there in session.members.items()}
            state.results = session.results.copy()
            events = [(event, _payload(document, metadata))]
            await self._journal.replace(session, state, events, origin=origin)

    @on_any_loop
    async def save(self, project_id: str) -> Project:
        """Save it as it is now in its session. One that is live nowhere stays as it was saved.

        Once it returns, the saved form survives the process. Raises ProjectNotFound and StoreUnavailable.
        """
        async with self._turn(project_id):
            session = await self._journal.with_project(project_id)
            if session is None:
                return (await in_turns(saved_form.parse(await self._store.load(project_id))))[0]
            async with session.graph_lock:
                project, template = session.project, session.document.template
                assert project
                assert template
                form = await in_turns(saved_form.dump(project, template, session.document.graph))
            await self._happens(session, Entry(at=self._registry.clock()))
            await self._store.save(project_id, form)
            return project

    async def _happens(self, session: Session, entry: Entry) -> None:
        async def attempt() -> None:
            async with session.graph_lock:
                await self._journal.commit(session, entry, ())

        await again(self._journal, session, attempt)

    @on_any_loop
    async def form(self, project_id: str) -> bytes:
        """The form saved last, as JSON. Raises ProjectNotFound and StoreUnavailable."""
        return await self._store.load(project_id)

    @on_any_loop
    async def delete(self, project_id: str, *, key: str | None = None) -> None:
        """Delete its saved form. A session that it is live in keeps the graph, without a project.

        `key`: as with `create`. Raises ProjectNotFound and StoreUnavailable.
        """

        async def call() -> str:
            await self._delete(project_id)
            return ""

        await self._repeats.once(key, f"delete {project_id}", call)

    async def _delete(self, project_id: str) -> None:
        async with self._turn(project_id):
            await self._store.delete(project_id)
            session = await self._journal.with_project(project_id)
            if session:
                await self._happens(session, Entry(at=self._registry.clock(), detaches=True))
                await self._journal.release(project_id, session)

    @on_any_loop
    async def use_template(
        self, session_id: str, template_id: str, origin: str | None = None, *, key: str | None = None
    ) -> Template:
        """Its rules hold in this session from here on, and nothing that was done before can be undone.

        `origin` and `key` are as with `create`. Raises SessionNotFound, TemplateNotFound, and InvalidParent where it lacks a
        type that is in use.
        """

        async def call() -> str:
            session = await self._journal.find(session_id)
            template = self._catalogue.get(template_id)
            async with session.turn:
                await again(self._journal, session, partial(self._use_template, session, template, origin))
            return template_id

        return self._catalogue.get(await self._repeats.once(key, f"template {session_id}", call))

    async def _use_template(self, session: Session, template: Template, origin: str | None) -> None:
        async with session.graph_lock:
            await self._journal.refresh(session)
            session.check_open()
            number, document = session.number, session.document.with_template(template)
            project = replace(session.project, template_id=template.id) if session.project else None
        metadata = template.summary.model_dump()
        await self._replace(session, number, document, project, "template-loaded", metadata, origin)

    @on_any_loop
    async def close(self) -> None:
        """Hold nothing of the store open. It opens again when it is used."""
        await self._store.close()


def _payload(document: Document, metadata: dict[str, str]) -> dict[str, Any]:
    """With the graph that replaces the clients'. A big graph is left out: clients ask for a snapshot."""
    payload: dict[str, Any] = {"metadata": metadata}
    graph = document.graph
    if len(graph) <= MAX_EVENTS and graph.size <= MAX_EVENT_BYTES:
        payload["graph"] = orjson.Fragment(at_once(document.encode()))
    return payload
