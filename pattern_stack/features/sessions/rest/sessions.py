"""The REST calls that make, list and close sessions, and those that show templates."""

from collections.abc import Iterator

import orjson
from fastapi import APIRouter

from pattern_stack.atoms.rest import EventOrigin, error_responses
from pattern_stack.atoms.steps import collect
from pattern_stack.atoms.turns import in_turns
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import SessionNotFound, SessionsFull, TemplateNotFound, TooManySessions
from pattern_stack.features.sessions.models import SessionInfo, SessionSummary
from pattern_stack.features.sessions.rest.bodies import (
    CleanedUp,
    Cleanup,
    Health,
    SessionCreated,
    SessionList,
    TemplateList,
)
from pattern_stack.features.sessions.rest.parameters import JSON, CommandKey, SessionId, TemplatePath
from pattern_stack.features.sessions.service import SessionService

_SUMMARIES = 64


def add_session_routes(router: APIRouter, sessions: SessionService) -> None:
    _add_session_routes(router, sessions)
    _add_template_routes(router, sessions)


def _add_session_routes(router: APIRouter, sessions: SessionService) -> None:
    @router.get("/health", tags=["sessions"])
    async def health() -> Health:
        """The process runs."""
        return Health()

    @router.post(
        "/sessions",
        status_code=201,
        tags=["sessions"],
        responses=error_responses(TooManySessions, SessionsFull),
    )
    async def create_session(key: CommandKey) -> SessionCreated:
        """An empty session: no nodes, no template, no project."""
        return SessionCreated(session_id=(await sessions.begin(key=key)).id)

    @router.get("/sessions", response_model=SessionList, tags=["sessions"])
    async def list_sessions() -> JSON:
        """The sessions of all instances, the oldest first."""
        found = await in_turns(collect(_summaries(await sessions.summaries()), piece=_SUMMARIES))
        return JSON({"sessions": orjson.Fragment(b"[%b]" % b",".join(found)), "total": len(found)})

    @router.get("/sessions/{session_id}/info", tags=["sessions"], responses=error_responses(SessionNotFound))
    async def session_info(session_id: SessionId) -> SessionInfo:
        """The session without its graph, as its snapshot has it too."""
        return await sessions.info(session_id)

    @router.delete(
        "/sessions/{session_id}", status_code=204, tags=["sessions"], responses=error_responses(SessionNotFound)
    )
    async def close_session(session_id: SessionId, key: CommandKey, origin: EventOrigin = None) -> None:
        """Close the session. Its clients get `session-closed`. What was not saved is gone."""
        await sessions.close(session_id, origin=origin, key=key)

    @router.post("/sessions/cleanup", tags=["sessions"], responses=error_responses())
    async def clean_up(body: Cleanup = Cleanup()) -> CleanedUp:  # noqa: B008 - it is never changed
        """Close the sessions that no client is on and that were idle for longer than this."""
        removed = await sessions.clean_up(body.max_inactive_hours)
        return CleanedUp(sessions_removed=removed, active_sessions=len(await sessions.summaries()))


def _summaries(sessions: list[SessionSummary]) -> Iterator[bytes]:
    for session in sessions:
        yield session.model_dump_json().encode()


def _add_template_routes(router: APIRouter, sessions: SessionService) -> None:
    @router.get("/templates", tags=["templates"])
    async def list_templates() -> TemplateList:
        """The templates that projects can be made from."""
        found = [template.summary for template in sessions.catalogue.all()]
        return TemplateList(templates=found, total=len(found))

    @router.get("/templates/{template_id}/schema", tags=["templates"], responses=error_responses(TemplateNotFound))
    async def template_schema(template_id: TemplatePath) -> Template:
        """The template's node types, their properties, and the ids of options."""
        return sessions.catalogue.get(template_id)
