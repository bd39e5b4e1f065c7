"""The REST calls that make, save, load and delete projects."""

import orjson
from fastapi import APIRouter, Response

from pattern_stack.atoms.rest import EventOrigin, error_responses
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import (
    GraphFull,
    InvalidParent,
    ProjectExists,
    ProjectInUse,
    ProjectNotFound,
    SessionNotFound,
    SessionsFull,
    StoreUnavailable,
    TemplateNotFound,
    TooManySessions,
)
from pattern_stack.features.sessions.rest.bodies import (
    NewProject,
    NewProjectAndSession,
    ProjectAnswer,
    ProjectCreated,
    ProjectInSession,
    SavedForm,
    TemplateChoice,
)
from pattern_stack.features.sessions.rest.parameters import JSON, CommandKey, ProjectId, SessionId, both_paths
from pattern_stack.features.sessions.service import SessionService
from pattern_stack.features.sessions.session import Session

_KEPT = (ProjectNotFound, StoreUnavailable)
_CREATING = (TemplateNotFound, SessionsFull, StoreUnavailable)


def add_project_routes(router: APIRouter, sessions: SessionService) -> None:
    _add_creating_routes(router, sessions)
    _add_keeping_routes(router, sessions)


def _add_creating_routes(router: APIRouter, sessions: SessionService) -> None:
    projects = sessions.projects

    @router.post(
        "/projects",
        status_code=201,
        response_model=ProjectInSession,
        responses=error_responses(*_CREATING, TooManySessions),
        tags=["projects"],
    )
    async def create_project(body: NewProjectAndSession, key: CommandKey, origin: EventOrigin = None) -> JSON:
        """A saved project, live in a new session, with a root of the template's first type."""
        session = await projects.create(body.template_id, body.project_name, origin=origin, key=key)
        return await _opened(sessions, session, status=201)

    @both_paths(
        router, "POST", "/projects", ProjectCreated, SessionNotFound, ProjectExists, InvalidParent, GraphFull, *_CREATING,
        status_code=201, tags=["projects"],
    )  # fmt: skip
    async def create_project_here(
        session_id: SessionId, body: NewProject, key: CommandKey, origin: EventOrigin = None
    ) -> JSON:
        """A saved project, live in this session: its nodes stay, and get one more root."""
        session = await projects.create(body.template_id, body.name, session_id, origin, key=key)
        return await _opened(sessions, session, status=201)

    @both_paths(
        router, "POST", "/project/template", Template, SessionNotFound, TemplateNotFound, InvalidParent,
        tags=["projects"],
    )  # fmt: skip
    async def use_template(
        session_id: SessionId, body: TemplateChoice, key: CommandKey, origin: EventOrigin = None
    ) -> Template:
        """The template's rules hold from here on. What was done before can no longer be undone."""
        return await projects.use_template(session_id, body.template_id, origin, key=key)


def _add_keeping_routes(router: APIRouter, sessions: SessionService) -> None:
    projects = sessions.projects

    @router.get(
        "/projects/{project_id}", response_model=SavedForm, responses=error_responses(*_KEPT), tags=["projects"]
    )
    async def saved_project(project_id: ProjectId) -> Response:
        """The project as it was saved last."""
        return Response(await projects.form(project_id), media_type="application/json")

    @router.delete("/projects/{project_id}", status_code=204, responses=error_responses(*_KEPT), tags=["projects"])
    async def delete_project(project_id: ProjectId, key: CommandKey) -> None:
        """Delete what was saved. A session that the project is live in keeps the graph, without a project."""
        await projects.delete(project_id, key=key)

    @router.post("/projects/{project_id}/save", responses=error_responses(*_KEPT), tags=["projects"])
    async def save_project(project_id: ProjectId) -> ProjectAnswer:
        """Save the project as it is now in its session. One that is live nowhere stays as it was saved."""
        return ProjectAnswer(**(await projects.save(project_id)).fields())

    @router.post(
        "/sessions/{session_id}/projects/{project_id}/load",
        response_model=ProjectInSession,
        responses=error_responses(SessionNotFound, *_KEPT, ProjectExists, ProjectInUse, GraphFull, SessionsFull),
        tags=["projects"],
    )
    async def load_project(
        session_id: SessionId, project_id: ProjectId, key: CommandKey, origin: EventOrigin = None
    ) -> JSON:
        """Put what was saved in the place of the session's graph."""
        return await _opened(sessions, await projects.load(session_id, project_id, origin, key=key))


async def _opened(sessions: SessionService, session: Session, status: int = 200) -> JSON:
    project = session.project
    if project is None:
        raise ProjectNotFound("the project was deleted meanwhile")
    content = {
        "project_id": project.project_id,
        "session_id": session.id,
        "graph": orjson.Fragment(await sessions.graph(session.id)),
    }
    return JSON(content, status_code=status)
