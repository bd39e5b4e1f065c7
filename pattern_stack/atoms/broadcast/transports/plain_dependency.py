"""A dependency that asks for nothing but the connection and strings of the query: it can be called without FastAPI.

FastAPI resolves any dependency, and takes longer for it than all the rest of a handshake takes.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_type_hints
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

_CONNECTIONS = (WebSocket, HTTPConnection)
_STRINGS = (str, str | None)
_DEFAULTS = (str, type(None))


class Missing(Exception):
    """The query lacks a parameter that has no default: FastAPI knows what to answer."""


class PlainDependency(NamedTuple):
    """What FastAPI would call it with, by the names of its parameters."""

    call: Callable[..., Any]
    is_coroutine: bool
    connections: tuple[str, ...]
    query: Mapping[str, Any]
    """The defaults; `inspect.Parameter.empty` where there is none."""

    async def resolve(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """What it returns. Raises what it raises, and Missing."""
        arguments = self._strings(scope["query_string"])
        if self.connections:
            arguments |= dict.fromkeys(self.connections, WebSocket(scope, receive, send))
        if self.is_coroutine:
            return await self.call(**arguments)
        return await run_in_threadpool(self.call, **arguments)

    def _strings(self, query: bytes) -> dict[str, Any]:
        if not self.query:
            return {}
        given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))  # as Starlette does
        strings = {name: given.get(name, default) for name, default in self.query.items()}
        if inspect.Parameter.empty in strings.values():
            raise Missing
        return strings


def plain_dependency(call: Callable[..., Any]) -> PlainDependency | None:
    """None for what only FastAPI can call: it has dependencies of its own, validates, yields, or is no function."""
    if not (inspect.isfunction(call) or inspect.ismethod(call)) or hasattr(call, "__wrapped__"):
        return None  # what a decorator has wrapped may be a coroutine function or a generator behind a plain function
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        return None
    try:
        types = get_type_hints(call, include_extras=True)
    except Exception:  # whatever evaluating somebody's annotations leads to
        return None
    connections, query = [], {}
    for name, parameter in inspect.signature(call).parameters.items():
        kind = types.get(name)
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            return None
        if kind in _CONNECTIONS and parameter.default is parameter.empty:
            connections.append(name)
        elif kind in _STRINGS and (parameter.default is parameter.empty or type(parameter.default) in _DEFAULTS):
            query[name] = parameter.default
        else:
            return None
    return PlainDependency(call, inspect.iscoroutinefunction(call), tuple(connections), query)
