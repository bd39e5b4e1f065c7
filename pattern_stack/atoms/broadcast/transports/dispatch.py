"""Which Opening a WebSocket handshake gets, by its head and its path."""

import asyncio
from typing import Any, cast
from weakref import WeakKeyDictionary

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pattern_stack.atoms.broadcast.transports.direct import DirectHandshake
from pattern_stack.atoms.broadcast.transports.handoff import DIRECT, Direct, path_of
from pattern_stack.atoms.broadcast.transports.opening import Opening, Place, Server
from pattern_stack.atoms.broadcast.transports.through_app import AppHandshake
from pattern_stack.atoms.broadcast.websocket import handshake

_wrapped: WeakKeyDictionary[Config, dict[ASGIApp, ASGIApp]] = WeakKeyDictionary()


def opening_of(
    head: bytes, server: Server, transport: asyncio.Transport, holder: asyncio.Protocol, *, bounded: bool = False
) -> Opening | None:
    """None for what is not plainly a handshake: uvicorn's parsers decide. `bounded`: see Place."""
    asked = handshake.read(head)
    if asked is None:
        return None
    place = Place(server, transport, holder, asked, bounded)
    direct: Direct | None = server.app_state.get(DIRECT + path_of(asked.target))
    if direct is None:
        return AppHandshake(place, cast(ASGIApp, server.config.loaded_app), head)
    if asked.is_forwarded:
        return AppHandshake(place, behind_proxies(direct.app, server.config), head)
    return DirectHandshake(place, direct)


def behind_proxies(app: ASGIApp, config: Config) -> ASGIApp:
    """As uvicorn wraps an application. Made once: it reads the list of trusted addresses then."""
    if not config.proxy_headers:
        return app
    wrapped = _wrapped.setdefault(config, {})
    if app not in wrapped:
        wrapped[app] = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, app), config.forwarded_allow_ips))
    return wrapped[app]
