"""The REST calls, under /api/v1/fleet."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Response

from pattern_stack.atoms.rest import BoundedRoute, EventOrigin, error_responses
from pattern_stack.features.fleet.bodies import (
    ComputerList,
    FleetProjectList,
    FleetSessionBody,
    FleetSessionList,
    TodoList,
)
from pattern_stack.features.fleet.errors import EntryTooLarge, FleetFull, FleetSessionNotFound, SessionIsRemote
from pattern_stack.features.fleet.models import FleetSession
from pattern_stack.features.fleet.service import FleetService


def build_router(fleet: FleetService, origins: Iterable[str]) -> APIRouter:
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


def _add_session_routes(router: APIRouter, fleet: FleetService) -> None:
    @router.get("/sessions", responses=error_responses())
    async def sessions(computer: str | None = None) -> FleetSessionList:
        """The sessions of all computers that are online, or of one, the oldest first."""
        records = await fleet.records("sessions", computer or None)
        return FleetSessionList(sessions=records, total=len(records))

    @router.post(
        "/sessions",
        status_code=201,
        responses={
            200: {"model": FleetSession, "description": "the session was there, and is changed"},
            **error_responses(SessionIsRemote, FleetFull, EntryTooLarge),
        },
    )
    async def put_session(body: FleetSessionBody, response: Response, origin: EventOrigin = None) -> FleetSession:
        """Make a session of this computer, or (200) change one: fields that are left out stay as they are."""
        session, is_new = await fleet.put_session(body, origin=origin)
        response.status_code = 201 if is_new else 200
        return session

    @router.delete(
        "/sessions/{session_id}", status_code=204, responses=error_responses(FleetSessionNotFound, SessionIsRemote)
    )
    async def delete_session(session_id: str, origin: EventOrigin = None) -> None:
        await fleet.delete_session(session_id, origin=origin)


def _add_list_routes(router: APIRouter, fleet: FleetService) -> None:
    @router.get("/computers", responses=error_responses())
    async def computers() -> ComputerList:
        """The computers that are online, this one among them."""
        records = await fleet.records("computers")
        return ComputerList(computers=records, total=len(records), this_computer=fleet.state.name)

    @router.get("/projects", responses=error_responses())
    async def projects(computer: str | None = None) -> FleetProjectList:
        """The projects of all computers that are online, or of one."""
        records = await fleet.records("projects", computer or None)
        return FleetProjectList(projects=records, total=len(records))

    @router.get("/todos", responses=error_responses())
    async def todos(computer: str | None = None) -> TodoList:
        """The todos of all computers that are online, or of one."""
        records = await fleet.records("todos", computer or None)
        return TodoList(todos=records, total=len(records))
