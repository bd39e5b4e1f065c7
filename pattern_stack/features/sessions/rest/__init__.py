"""The REST calls of sessions, under /api/v1."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import APIRouter

from pattern_stack.atoms.rest import BoundedRoute
from pattern_stack.errors import BroadcastClosed
from pattern_stack.features.sessions.late_journal import LateJournal
from pattern_stack.features.sessions.rest.graph import add_graph_routes
from pattern_stack.features.sessions.rest.projects import add_project_routes
from pattern_stack.features.sessions.rest.sessions import add_session_routes
from pattern_stack.features.sessions.service import SessionService


def build_router(sessions: SessionService, origins: Iterable[str], journal: LateJournal) -> APIRouter:
    """All of them in one router. Its lifespan closes the store of projects. `origins`: pages that may change something."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await _start(sessions, journal)
        try:
            yield
        finally:
            with suppress(BroadcastClosed):  # the application has closed it already
                await sessions.broadcast.run(journal.stop)
            await sessions.projects.close()

    router = APIRouter(prefix="/api/v1", route_class=BoundedRoute.listing(origins), lifespan=lifespan)
    add_session_routes(router, sessions)
    add_project_routes(router, sessions)
    add_graph_routes(router, sessions)
    return router


async def _start(sessions: SessionService, journal: LateJournal) -> None:
    async def start() -> None:
        journal.start()

    await sessions.broadcast.run(start)
