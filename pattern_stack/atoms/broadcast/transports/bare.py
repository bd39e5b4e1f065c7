"""Whether an application has a say in a handshake before the endpoint has.

FastAPI's routing and the middleware that every application has take half of what a connection costs. Where nothing
of the application's own is among it, the fast lane goes past it, from the second connection on.
"""

import re
from collections.abc import Callable, Iterator
from operator import is_
from types import FunctionType
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.applications import Starlette
from starlette.routing import Host
from starlette.types import Scope

_NEUTRAL = re.compile(r"fastapi\..+|starlette\.(applications|routing|middleware\.(base|cors|errors|exceptions|gzip))")
"""Modules whose code finds the route, or lets everything but HTTP requests pass untouched."""


def is_bare(scope: Scope) -> bool:
    """For the scope of a handshake that came the whole way: whether the next one for this path may do without it."""
    app, route = scope.get("app"), scope.get("route")
    return (
        type(app) is FastAPI
        and "fastapi.telemetry" not in scope
        and "app_root_path" not in scope  # a Mount, which may have middleware
        and type(route) is APIWebSocketRoute
        and _is_neutral(route.app)
        and not route.dependant.dependencies
        and not scope["path_params"]
        and all(map(_is_neutral, _calls(app)))
        and app.router.middleware_stack == app.router.app
        and all(_goes_by_path(one) for router in _routers(app.router) for one in router.routes)
    )


def unchanged(app: FastAPI) -> Callable[[], bool]:
    """Tells, whenever it is called, whether the way to the application's routes is still the one it is now."""
    stack, inner = app.middleware_stack, app.router.middleware_stack
    routes = [(router, [*router.routes]) for router in _routers(app.router)]

    def is_unchanged() -> bool:
        return (
            app.middleware_stack is stack
            and app.router is routes[0][0]
            and app.router.middleware_stack == inner
            and all(len(router.routes) == len(then) and all(map(is_, router.routes, then)) for router, then in routes)
        )

    return is_unchanged


def _calls(app: FastAPI) -> Iterator[object]:
    """What a handshake passes, from the application to its router: as it was built, whoever had a hand in that."""
    yield from (FastAPI.__call__, Starlette.__call__)
    layer: Any = app.middleware_stack
    while layer is not app.router:
        yield type(layer).__call__
        layer = getattr(layer, "app", app.router)
    yield from (type(layer).__call__, type(layer).app)


def _routers(router: Any) -> Iterator[Any]:
    """A router and those it includes. Newer versions of FastAPI keep them apart."""
    yield router
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routers(included)


def _goes_by_path(route: Any) -> bool:
    """Whether it is chosen for nothing but its path, so that the next handshake for the same path finds the same."""
    return not isinstance(route, Host) and _is_neutral(type(route).matches) and _is_neutral(type(route).handle)


def _is_neutral(function: object) -> bool:
    """By the module where it was written: methods are replaced by those who trace, and wrappers take over names."""
    return isinstance(function, FunctionType) and _NEUTRAL.fullmatch(function.__globals__["__name__"]) is not None
