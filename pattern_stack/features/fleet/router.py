"""REST: what is known here, at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from pattern_stack.atoms.rest import BoundedRoute, refusals
from pattern_stack.features.fleet.errors import SessionIsRemote, SessionNotFound
from pattern_stack.features.fleet.models import Computers, Projects, Session, SessionBody, Sessions, Todos

if TYPE_CHECKING:
    from pattern_stack.features.fleet.fleet import Fleet


def router(fleet: "Fleet", prefix: str) -> APIRouter:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await fleet.start()
        try:
            yield
        finally:
            await fleet.stop()

    routes = APIRouter(prefix=prefix, tags=["fleet"], route_class=BoundedRoute, lifespan=lifespan)

    @routes.get("/sessions", responses=refusals())
    async def sessions(computer: str | None = None) -> Sessions:
        """Those of this computer, and those that others told it of."""
        facts = await fleet.facts("sessions", computer or None)
        return Sessions(sessions=facts, total=len(facts))

    @routes.post(
        "/sessions",
        status_code=201,
        responses={200: {"model": Session, "description": "it was there, and is changed"}, **refusals(SessionIsRemote)},
    )
    async def put_session(body: SessionBody, response: Response) -> Session:
        """A new session of this computer, or (200) a change of one: what is left out stays as it is."""
        session, is_new = await fleet.put_session(body)
        response.status_code = 201 if is_new else 200
        return session

    @routes.delete("/sessions/{session_id}", status_code=204, responses=refusals(SessionNotFound, SessionIsRemote))
    async def delete_session(session_id: str) -> None:
        await fleet.delete_session(session_id)

    @routes.get("/computers", responses=refusals())
    async def computers() -> Computers:
        """Those that live, this one among them."""
        facts = await fleet.facts("computers")
        return Computers(computers=facts, total=len(facts))

    @routes.get("/projects", responses=refusals())
    async def projects(computer: str | None = None) -> Projects:
        facts = await fleet.facts("projects", computer or None)
        return Projects(projects=facts, total=len(facts))

    @routes.get("/todos", responses=refusals())
    async def todos(computer: str | None = None) -> Todos:
        facts = await fleet.facts("todos", computer or None)
        return Todos(todos=facts, total=len(facts))

    return routes
