"""The whole application: every part mounted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from pattern_stack import health, metrics, pages
from pattern_stack.access import Authorize, channel_authorize, rest_dependencies
from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend, broadcast_from_url
from pattern_stack.atoms.rest import OriginRoute, add_exception_handlers
from pattern_stack.errors import InvalidSetting, InvalidURL
from pattern_stack.features import inspector
from pattern_stack.features.fleet import Fleet
from pattern_stack.features.notifications import EVERYONE, Notifications
from pattern_stack.features.sessions import Sessions
from pattern_stack.features.sessions.core.commands import canonical
from pattern_stack.features.sessions.sql import SQLStore
from pattern_stack.settings import Settings, broadcast_variable, from_environment


def create_app(
    settings: Settings | None = None,
    *,
    authenticate: Callable[..., Any] | None = None,
    authorize: Authorize | None = None,
) -> FastAPI:
    """The broadcast endpoint, the features under /api/v1, the pages, GET /health and /ready.

    `settings`: None reads the environment. `authenticate` is a FastAPI dependency that returns the user, or an Identity,
    and raises Unauthenticated to refuse: it is resolved for every socket and every REST call, so it takes headers, cookies
    or an HTTPConnection, and no Request. `authorize(access)` is asked before every subscription and every REST call; it
    raises Forbidden or NotFound to refuse. Without them everybody may do everything. Pages and /openapi.json contain no
    data, and /health and /ready are for load balancers: these are open. See docs/authentication.md.

    `app.state` has the parts: `broadcast`, `notifications`, `sessions`, `fleet`. /ready asks each for its `trouble`, and parts
    that the application adds there, like `app.state.outbox`. Every error is answered as {"error": {"code",
    "message"}}. Pages of other origins than settings.origins cannot change anything. Raises InvalidSetting, InvalidURL,
    and TypeError if `authorize` is not a function.
    """
    settings = settings or from_environment()
    app = FastAPI(title="pattern_stack", docs_url=None, redoc_url=None)  # theirs load from elsewhere; pages/ has /docs
    app.router.route_class = _origins(settings)
    add_exception_handlers(app)
    ask = channel_authorize(authorize) if authorize else None
    with _named(broadcast_variable()):
        broadcast = broadcast_from_url(
            settings.broadcast_url,
            everyone=[EVERYONE],
            authorize=ask,
            channel_prefix=settings.channel_prefix,
            patience=settings.patience,
        )
    notifications = Notifications(broadcast)
    with _named("PATTERN_STACK_DATABASE_URL"):
        store = SQLStore(settings.database_url)
    sessions = Sessions(broadcast, store=store)
    with _named("PATTERN_STACK_FLEET_REDIS_URL"):
        fleet = _fleet(broadcast, settings)
    app.state.broadcast, app.state.notifications, app.state.sessions = broadcast, notifications, sessions
    app.state.fleet = fleet
    app.state.open_calls = "/api/v1" if authenticate is None else None
    app.include_router(
        broadcast.get_router(
            authenticate=authenticate,
            origins=settings.origins,
            origins_setting="PATTERN_STACK_ORIGINS",
            direct=True,
        )
    )
    guard = rest_dependencies(authenticate, authorize)
    app.include_router(notifications.get_router(origins=settings.origins), dependencies=guard)
    app.include_router(
        sessions.get_router(origins=settings.origins),
        dependencies=rest_dependencies(authenticate, authorize, session_id=canonical),
    )
    app.include_router(fleet.get_router(origins=settings.origins), dependencies=guard)
    app.include_router(pages.get_router())
    app.include_router(metrics.get_router())
    if settings.inspector_token:
        app.include_router(_inspector(app, settings))
    app.include_router(health.router_of(lambda: app.state._state.items()))
    return app


@contextmanager
def _named(variable: str) -> Iterator[None]:
    """An error of a URL names the setting that has it."""
    try:
        yield
    except InvalidURL as error:
        raise InvalidURL(f"{variable}: {error}") from None


def _origins(settings: Settings) -> type[OriginRoute]:
    try:
        return OriginRoute.listing(settings.origins)
    except ValueError as error:
        raise InvalidSetting(f"PATTERN_STACK_ORIGINS: {error}") from None


def _fleet(broadcast: WebSocketBroadcastBackend, settings: Settings) -> Fleet:
    return Fleet(
        broadcast,
        computer=settings.fleet_computer,
        redis_url=settings.fleet_redis_url,
        prefix=settings.fleet_prefix,
        heartbeat_seconds=settings.fleet_heartbeat_seconds,
        directory=settings.fleet_directory,
    )


def _inspector(app: FastAPI, settings: Settings) -> APIRouter:
    return inspector.get_router(
        app.state.broadcast,
        token=settings.inspector_token,
        origins=settings.origins,
        parts=lambda: app.state._state,
    )
