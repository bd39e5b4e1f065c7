"""Projects: made and loaded into sessions, saved, and live in one session at a time."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import orjson

from pattern_stack.errors import InvalidEvent
from pattern_stack.features.sessions.core import saved_form
from pattern_stack.features.sessions.core.document import TOLD_NODES
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import ProjectExists, ProjectInUse
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore

if TYPE_CHECKING:
    from pattern_stack.features.sessions.service import Sessions


class Projects:
    """The projects of the sessions of one instance, and the store that they are kept in."""

    def __init__(self, sessions: "Sessions", store: ProjectStore) -> None:
        self._sessions = sessions
        self._store = store
        self._live: dict[str, Session] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _turn(self, project_id: str) -> asyncio.Lock:
        """Held by who reads or writes the saved form: what was asked for last is what is kept."""
        return self._turns.setdefault(project_id, asyncio.Lock())

    def release(self, session: Session) -> None:
        """The session is closed: another one may load its project."""
        if session.project:
            del self._live[session.project.project_id]

    async def create(
        self, template_id: str, name: str, session_id: str | None = None, origin: str | None = None
    ) -> Session:
        """A saved project with its root, in this session or in a new one. Of a session's own nodes all stay.

        ProjectExists where the session has one, InvalidParent where the template lacks a type of its nodes.
        """
        template = self._sessions.catalogue.get(template_id)
        session = self._sessions.create() if session_id is None else self._sessions.get(session_id)
        try:
            async with session.turn:
                await self._create(session, template, name, origin)
        except BaseException:
            if session_id is None and not session.closed:
                await self._sessions.close(session.id)
            raise
        return session

    async def _create(self, session: Session, template: Template, name: str, origin: str | None) -> None:
        session.check_open()
        if session.project:
            raise ProjectExists("this session has a project")
        project = Project(self._sessions.new_id(), name, template.id)
        draft = session.document.with_root(template, name)
        await self._store.save(project.project_id, saved_form.save(project, template, draft.graph))
        if session.closed:  # meanwhile: nobody would know of it
            await self._store.delete(project.project_id)
        session.check_open()
        session.document = draft
        self._take(session, project)
        await self._tell(session, "project-created", project.fields(), origin)

    async def load(self, session_id: str, project_id: str, origin: str | None = None) -> Session:
        """Put the saved project in the place of the session's graph. ProjectInUse where it is live in another session,
        ProjectExists where this one has another project."""
        session = self._sessions.get(session_id)
        async with session.turn, self._turn(project_id):
            session.check_open()
            live = self._live.get(project_id)
            if live is not None and live is not session:
                raise ProjectInUse("the project is live in another session")
            form = await self._store.load(project_id)
            if session.project and live is None:
                raise ProjectExists("this session has a project")
            session.check_open()
            project, template, graph = saved_form.load(form)
            document = self._sessions.new_document()
            document.template, document.graph = template, graph
            session.document = document
            self._take(session, project)
            await self._tell(session, "project-loaded", project.fields(), origin)
            return session

    def _take(self, session: Session, project: Project) -> None:
        session.project = project
        self._live[project.project_id] = session

    async def save(self, project_id: str) -> Project:
        """As it is now; one that is live nowhere is saved already."""
        async with self._turn(project_id):
            session = self._live.get(project_id)
            if session is None:
                return saved_form.load(await self._store.load(project_id))[0]
            project, template = session.project, session.document.template
            assert project
            assert template
            form = saved_form.save(project, template, session.document.graph)
            self._sessions.touch(session)
            await self._store.save(project_id, form)
            return project

    async def form(self, project_id: str) -> bytes:
        """The form saved last, as JSON."""
        return await self._store.load(project_id)

    async def delete(self, project_id: str) -> None:
        """Its saved form goes; a session that it is live in keeps the graph, without a project."""
        async with self._turn(project_id):
            await self._store.delete(project_id)
            session = self._live.pop(project_id, None)
            if session:
                session.project = None
                self._sessions.touch(session)

    async def use_template(self, session_id: str, template_id: str, origin: str | None = None) -> Template:
        """From here on its rules hold in this session. InvalidParent where it lacks a type that is in use."""
        session = self._sessions.get(session_id)
        template = self._sessions.catalogue.get(template_id)
        async with session.turn:
            session.check_open()
            session.document.use(template)
            if session.project:
                session.project = replace(session.project, template_id=template_id)
            await self._tell(session, "template-loaded", template.summary.model_dump(), origin)
        return template

    async def close(self) -> None:
        await self._store.close()

    async def _tell(self, session: Session, event: str, metadata: dict[str, str], origin: str | None) -> None:
        """With the graph that clients have from here on; where it is too big they ask for a snapshot."""
        self._sessions.touch(session)
        told = {"metadata": metadata}
        if len(session.document.graph) <= TOLD_NODES:
            graph = orjson.Fragment(session.document.encoded_tree)
            try:
                await self._sessions.publish(session, [(event, {**told, "graph": graph})], origin=origin)
                return
            except InvalidEvent:
                pass
        await self._sessions.publish(session, [(event, told)], origin=origin)
