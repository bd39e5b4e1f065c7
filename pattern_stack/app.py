"""The whole application: everything mounted."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from pattern_stack import pages
from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend, broadcast_from_url
from pattern_stack.atoms.rest import add_exception_handlers, error_answer
from pattern_stack.features.fleet import Fleet
from pattern_stack.features.notifications import EVERYONE, Notifications
from pattern_stack.features.sessions import Sessions
from pattern_stack.features.sessions.sql import SQLStore
from pattern_stack.settings import Settings, from_environment

Trouble = Callable[[], str | None]
"""What keeps a part from its work, in words; None while it works."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The broadcast endpoint, the features under /api/v1, the live pages, GET /health and /ready.

    What it stands on is in `app.state`: `broadcast`, `notifications`, `sessions`, `fleet`.
    Every error is answered as {"error": {"code", "message"}}.
    """
    settings = settings or from_environment()
    app = FastAPI(title="pattern_stack")
    add_exception_handlers(app)
    broadcast = broadcast_from_url(settings.broadcast_url, everyone=[EVERYONE])
    notifications = Notifications(broadcast)
    sessions = Sessions(broadcast, store=SQLStore(settings.database_url))
    fleet = _fleet(broadcast, settings)
    app.state.broadcast, app.state.notifications, app.state.sessions = broadcast, notifications, sessions
    app.state.fleet = fleet
    app.include_router(
        broadcast.get_router(origins=settings.origins, origins_setting="PATTERN_STACK_ORIGINS", direct=True)
    )
    for service in (notifications, sessions, fleet):
        app.include_router(service.get_router())
    app.include_router(pages.get_router())
    _tell_health(app, {"BROADCAST_UNAVAILABLE": lambda: broadcast.trouble, "FLEET_UNAVAILABLE": lambda: fleet.trouble})
    return app


def _fleet(broadcast: WebSocketBroadcastBackend, settings: Settings) -> Fleet:
    return Fleet(
        broadcast,
        computer=settings.fleet_computer,
        redis_url=settings.fleet_redis_url,
        prefix=settings.fleet_prefix,
        heartbeat_seconds=settings.fleet_heartbeat_seconds,
        directory=settings.fleet_directory,
    )


def _tell_health(app: FastAPI, parts: dict[str, Trouble]) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: {"description": "it cannot do its work now"}})
    async def ready() -> JSONResponse:
        """Whether a load balancer should send clients here."""
        for code, part in parts.items():
            if (trouble := part()) is not None:
                return error_answer(503, code, trouble)
        return JSONResponse({"status": "ready"})
