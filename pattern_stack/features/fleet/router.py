"""The REST calls, under /api/v1/fleet: what is known here, at once."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from pattern_stack.atoms.rest import BoundedRoute, error_responses
from pattern_stack.features.fleet.bodies import ComputerList, FleetSessionList, ProjectList, SessionBody, TodoList
from pattern_stack.features.fleet.errors import SessionIsRemote, SessionNotFound
from pattern_stack.features.fleet.models import Session

if TYPE_CHECKING:
    from pattern_stack.features.fleet.service import Fleet


def build_router(fleet: "Fleet", origins: Iterable[str]) -> APIRouter:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await fleet.start()
        try:
            yield
        finally:
            await fleet.stop()

    router = APIRouter(
        prefix="/api/v1/fleet", tags=["fleet"], route_class=BoundedRoute.listing(origins), lifespan=lifespan
    )
    _add_session_routes(router, fleet)
    _add_list_routes(router, fleet)
    return router


def _add_session_routes(router: APIRouter, fleet: "Fleet") -> None:
    @router.get("/sessions", responses=error_responses())
    async def sessions(computer: str | None = None) -> FleetSessionList:
        """Those of this computer, and those that others told it of."""
        facts = await fleet.facts("sessions", computer or None)
        return FleetSessionList(sessions=facts, total=len(facts))

    @router.post(
        "/sessions",
        status_code=201,
        responses={
            200: {"model": Session, "description": "it was there, and is changed"},
            **error_responses(SessionIsRemote),
        },
    )
    async def put_session(body: SessionBody, response: Response) -> Session:
        """A new session of this computer, or (200) a change of one: what is left out stays as it is."""
        session, is_new = await fleet.put_session(body)
        response.status_code = 201 if is_new else 200
        return session

    @router.delete(
        "/sessions/{session_id}", status_code=204, responses=error_responses(SessionNotFound, SessionIsRemote)
    )
    async def delete_session(session_id: str) -> None:
        await fleet.delete_session(session_id)


def _add_list_routes(router: APIRouter, fleet: "Fleet") -> None:
    @router.get("/computers", responses=error_responses())
    async def computers() -> ComputerList:
        """Those that live, this one among them."""
        facts = await fleet.facts("computers")
        return ComputerList(computers=facts, total=len(facts))

    @router.get("/projects", responses=error_responses())
    async def projects(computer: str | None = None) -> ProjectList:
        facts = await fleet.facts("projects", computer or None)
        return ProjectList(projects=facts, total=len(facts))

    @router.get("/todos", responses=error_responses())
    async def todos(computer: str | None = None) -> TodoList:
        facts = await fleet.facts("todos", computer or None)
        return TodoList(todos=facts, total=len(facts))
