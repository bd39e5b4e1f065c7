"""The REST calls that make, list and close sessions, and those that show templates."""

from fastapi import APIRouter

from pattern_stack.atoms.rest import error_responses
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import SessionNotFound, TemplateNotFound
from pattern_stack.features.sessions.models import SessionInfo
from pattern_stack.features.sessions.rest.bodies import (
    CleanedUp,
    Cleanup,
    Health,
    SessionCreated,
    SessionList,
    TemplateList,
)
from pattern_stack.features.sessions.rest.parameters import Origin, SessionId, TemplatePath
from pattern_stack.features.sessions.service import SessionService


def add_session_routes(router: APIRouter, sessions: SessionService) -> None:
    _add_session_routes(router, sessions)
    _add_template_routes(router, sessions)


def _add_session_routes(router: APIRouter, sessions: SessionService) -> None:
    @router.get("/health", tags=["sessions"])
    async def health() -> Health:
        """The process runs."""
        return Health()

    @router.post("/sessions", status_code=201, tags=["sessions"])
    async def create_session() -> SessionCreated:
        """An empty session: no nodes, no template, no project."""
        return SessionCreated(session_id=sessions.create().id)

    @router.get("/sessions", tags=["sessions"])
    async def list_sessions() -> SessionList:
        """The sessions of this instance, the oldest first."""
        found = [session.summary for session in sessions.all()]
        return SessionList(sessions=found, total=len(found))

    @router.get("/sessions/{session_id}/info", tags=["sessions"], responses=error_responses(SessionNotFound))
    async def session_info(session_id: SessionId) -> SessionInfo:
        """What the session's snapshot says of it, too."""
        return sessions.get(session_id).info

    @router.delete(
        "/sessions/{session_id}", status_code=204, tags=["sessions"], responses=error_responses(SessionNotFound)
    )
    async def close_session(session_id: SessionId, origin: Origin = None) -> None:
        """Its clients get `session-closed`. What was not saved is gone."""
        await sessions.close(session_id, origin=origin)

    @router.post("/sessions/cleanup", tags=["sessions"], responses=error_responses())
    async def clean_up(body: Cleanup = Cleanup()) -> CleanedUp:  # noqa: B008 - nobody changes it
        """Close the sessions that no client is on and that were idle for longer than this."""
        removed = await sessions.clean_up(body.max_inactive_hours)
        return CleanedUp(sessions_removed=removed, active_sessions=len(sessions.all()))


def _add_template_routes(router: APIRouter, sessions: SessionService) -> None:
    @router.get("/templates", tags=["templates"])
    async def list_templates() -> TemplateList:
        """Those that projects can be made from."""
        found = [template.summary for template in sessions.catalogue.all()]
        return TemplateList(templates=found, total=len(found))

    @router.get("/templates/{template_id}/schema", tags=["templates"], responses=error_responses(TemplateNotFound))
    async def template_schema(template_id: TemplatePath) -> Template:
        """Its node types, their properties, and the ids of options."""
        return sessions.catalogue.get(template_id)
