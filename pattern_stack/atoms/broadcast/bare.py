"""Whether an application has a say in a handshake before the endpoint has.

FastAPI's routing and the middleware that every application has take half of what a connection costs. Where nothing
of the application's own is among it, the fast lane goes past it, from the second connection on.
"""

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Host
from starlette.types import Scope

_HTTP_ONLY = (BaseHTTPMiddleware.__call__, CORSMiddleware.__call__, GZipMiddleware.__call__)
"""Middleware that lets everything but HTTP requests pass untouched."""


def is_bare(scope: Scope) -> bool:
    """For the scope of a handshake that came the whole way: whether the next one for this path may do without it."""
    app, route = scope.get("app"), scope.get("route")
    return (
        type(app) is FastAPI
        and "build_middleware_stack" not in vars(app)  # how instrumentation puts itself in
        and "fastapi.telemetry" not in scope
        and all(_is_http_only(one.cls) for one in app.user_middleware)
        and not any(isinstance(one, Host) for one in app.router.routes)
        and isinstance(route, APIWebSocketRoute)
        and not route.dependant.dependencies
        and not scope["path_params"]
    )


def _is_http_only(middleware: object) -> bool:
    return isinstance(middleware, type) and any(middleware.__call__ is one for one in _HTTP_ONLY)
