"""Projects: made and loaded into sessions, saved, and live in one session at a time."""

import asyncio
from dataclasses import replace
from weakref import WeakValueDictionary

import orjson

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.steps import at_once
from pattern_stack.atoms.turns import in_turns
from pattern_stack.features.sessions.any_loop import on_any_loop
from pattern_stack.features.sessions.core import saved_form
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.limits import MAX_EVENT_BYTES, MAX_EVENTS
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.errors import ProjectExists, ProjectInUse
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore


class Projects:
    """The projects of this instance's sessions, and the store that keeps them.

    What is awaited may be awaited on any event loop, in any thread.
    """

    def __init__(self, registry: Registry, catalogue: Catalogue, store: ProjectStore) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._store = store
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
        self, template_id: str, name: str, session_id: str | None = None, origin: str | None = None
    ) -> Session:
        """A saved project with a root of the template's first type, in this session or in a new one.

        The session keeps the nodes that it has. `origin` is on the event. Raises TemplateNotFound, SessionNotFound,
        ProjectExists where the session has a project, InvalidParent where the template lacks a type of its nodes,
        GraphFull, SessionsFull, TooManySessions and StoreUnavailable.
        """
        template = self._catalogue.get(template_id)
        session = self._registry.create() if session_id is None else self._registry.get(session_id)
        try:
            async with session.turn:
                await self._create(session, template, name, origin)
        except BaseException:
            if session_id is None and not session.closed:
                await self._registry.close(session.id)
            raise
        return session

    async def _create(self, session: Session, template: Template, name: str, origin: str | None) -> None:
        session.check_open()
        if session.project:
            raise ProjectExists("this session has a project")
        self._registry.check_room()
        project = Project(self._registry.new_id(), name, template.id)
        document = session.document.with_root(template, name)
        form = await in_turns(saved_form.dump(project, template, document.graph))
        await self._store.save(project.project_id, form)
        if session.closed:  # while it was saved: its id was never given out
            await self._store.delete(project.project_id)
        await self._replace(session, document, project, "project-created", origin)

    @on_any_loop
    async def load(self, session_id: str, project_id: str, origin: str | None = None) -> Session:
        """Put the saved project in the place of the session's graph.

        `origin` is on the event. Raises SessionNotFound, ProjectNotFound, ProjectInUse where the project is live in another
        session, ProjectExists where this session has another project, GraphFull where it was saved with more bytes than a
        graph may have now, SessionsFull and StoreUnavailable.
        """
        session = self._registry.get(session_id)
        async with session.turn, self._turn(project_id):
            session.check_open()
            live = self._registry.with_project(project_id)
            if live is not None and live is not session:
                raise ProjectInUse("the project is live in another session")
            form = await self._store.load(project_id)
            if session.project and live is None:
                raise ProjectExists("this session has a project")
            self._registry.check_room()
            project, template, graph = await in_turns(saved_form.parse(form))
            document = self._registry.new_document()
            document.check_room(len(graph), graph.size)
            document.template, document.graph = template, graph
            await self._replace(session, document, project, "project-loaded", origin)
            return session

    async def _replace(
        self, session: Session, document: Document, project: Project, event: str, origin: str | None
    ) -> None:
        async with session.graph_lock:
            session.check_open()
            session.document = document
            self._registry.attach_project(session, project)
            self._registry.measure(session)
            await self._publish(session, event, project.fields(), origin)

    @on_any_loop
    async def save(self, project_id: str) -> Project:
        """Save it as it is now in its session. One that is live nowhere stays as it was saved.

        Once it returns, the saved form survives the process. Raises ProjectNotFound and StoreUnavailable.
        """
        async with self._turn(project_id):
            session = self._registry.with_project(project_id)
            if session is None:
                return (await in_turns(saved_form.parse(await self._store.load(project_id))))[0]
            async with session.graph_lock:
                project, template = session.project, session.document.template
                assert project
                assert template
                form = await in_turns(saved_form.dump(project, template, session.document.graph))
            self._registry.touch(session)
            await self._store.save(project_id, form)
            return project

    @on_any_loop
    async def form(self, project_id: str) -> bytes:
        """The form saved last, as JSON. Raises ProjectNotFound and StoreUnavailable."""
        return await self._store.load(project_id)

    @on_any_loop
    async def delete(self, project_id: str) -> None:
        """Delete its saved form. A session that it is live in keeps the graph, without a project.

        Raises ProjectNotFound and StoreUnavailable.
        """
        async with self._turn(project_id):
            await self._store.delete(project_id)
            session = self._registry.with_project(project_id)
            if session:
                self._registry.detach_project(session)
                self._registry.touch(session)

    @on_any_loop
    async def use_template(self, session_id: str, template_id: str, origin: str | None = None) -> Template:
        """Its rules hold in this session from here on, and nothing that was done before can be undone.

        `origin` is on the event. Raises SessionNotFound, TemplateNotFound, and InvalidParent where it lacks a type that is
        in use.
        """
        session = self._registry.get(session_id)
        template = self._catalogue.get(template_id)
        async with session.turn, session.graph_lock:
            session.check_open()
            session.document.use_template(template)
            self._registry.measure(session)
            if session.project:
                session.project = replace(session.project, template_id=template_id)
            await self._publish(session, "template-loaded", template.summary.model_dump(), origin)
        return template

    @on_any_loop
    async def close(self) -> None:
        """Hold nothing of the store open. It opens again when it is used."""
        await self._store.close()

    async def _publish(self, session: Session, event: str, metadata: dict[str, str], origin: str | None) -> None:
        """Publish the event with the graph that replaces the clients'. A big graph is left out: clients ask for a snapshot."""
        self._registry.touch(session)
        payload: dict[str, object] = {"metadata": metadata}
        graph = session.document.graph
        if len(graph) <= MAX_EVENTS and graph.size <= MAX_EVENT_BYTES:
            payload["graph"] = orjson.Fragment(at_once(session.document.encode()))
        await self._registry.publish(session, [(event, payload)], origin=origin)
