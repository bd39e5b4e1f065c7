"""The REST calls that make, save, load and delete projects."""

import orjson
from fastapi import APIRouter

from pattern_stack.atoms.rest import error_responses
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import (
    GraphFull,
    InvalidParent,
    ProjectExists,
    ProjectInUse,
    ProjectNotFound,
    SessionNotFound,
    StoreUnavailable,
    TemplateNotFound,
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
from pattern_stack.features.sessions.rest.parameters import JSON, Origin, ProjectId, SessionId, both_paths
from pattern_stack.features.sessions.service import SessionService
from pattern_stack.features.sessions.session import Session

_KEPT = (ProjectNotFound, StoreUnavailable)
_CREATING = (SessionNotFound, TemplateNotFound, ProjectExists, InvalidParent, GraphFull, StoreUnavailable)


def add_project_routes(router: APIRouter, sessions: SessionService) -> None:
    _add_creating_routes(router, sessions)
    _add_keeping_routes(router, sessions)


def _add_creating_routes(router: APIRouter, sessions: SessionService) -> None:
    projects = sessions.projects

    @router.post(
        "/projects",
        status_code=201,
        response_model=ProjectInSession,
        responses=error_responses(TemplateNotFound, StoreUnavailable),
        tags=["projects"],
    )
    async def create_project(body: NewProjectAndSession, origin: Origin = None) -> JSON:
        """A saved project, live in a new session, with a root of the template's first type."""
        return _opened(await projects.create(body.template_id, body.project_name, origin=origin), status=201)

    @both_paths(router, "POST", "/projects", ProjectCreated, *_CREATING, status_code=201, tags=["projects"])
    async def create_project_here(session_id: SessionId, body: NewProject, origin: Origin = None) -> JSON:
        """The same in this session: its nodes stay, and get one more root."""
        return _opened(await projects.create(body.template_id, body.name, session_id, origin), status=201)

    @both_paths(
        router, "POST", "/project/template", Template, SessionNotFound, TemplateNotFound, InvalidParent,
        tags=["projects"],
    )  # fmt: skip
    async def use_template(session_id: SessionId, body: TemplateChoice, origin: Origin = None) -> Template:
        """From here on its rules hold. What was done before can no longer be undone."""
        return await projects.use_template(session_id, body.template_id, origin)


def _add_keeping_routes(router: APIRouter, sessions: SessionService) -> None:
    projects = sessions.projects

    @router.get(
        "/projects/{project_id}", response_model=SavedForm, responses=error_responses(*_KEPT), tags=["projects"]
    )
    async def saved_project(project_id: ProjectId) -> JSON:
        """The project as it was saved last."""
        return JSON(orjson.Fragment(await projects.form(project_id)))

    @router.delete("/projects/{project_id}", status_code=204, responses=error_responses(*_KEPT), tags=["projects"])
    async def delete_project(project_id: ProjectId) -> None:
        """What was saved is gone. A session that it is live in keeps the graph, without a project."""
        await projects.delete(project_id)

    @router.post("/projects/{project_id}/save", responses=error_responses(*_KEPT), tags=["projects"])
    async def save_project(project_id: ProjectId) -> ProjectAnswer:
        """As it is now in the session where it is live; one that is live nowhere stays as it was saved."""
        return ProjectAnswer(**(await projects.save(project_id)).fields())

    @router.post(
        "/sessions/{session_id}/projects/{project_id}/load",
        response_model=ProjectInSession,
        responses=error_responses(SessionNotFound, *_KEPT, ProjectExists, ProjectInUse),
        tags=["projects"],
    )
    async def load_project(session_id: SessionId, project_id: ProjectId, origin: Origin = None) -> JSON:
        """What was saved takes the place of the session's graph."""
        return _opened(await projects.load(session_id, project_id, origin))


def _opened(session: Session, status: int = 200) -> JSON:
    assert session.project
    told = {
        "project_id": session.project.project_id,
        "session_id": session.id,
        "graph": orjson.Fragment(session.document.encoded_tree),
    }
    return JSON(told, status_code=status)
