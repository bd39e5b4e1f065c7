"""The broadcast atom: events from anywhere in an application to every client that is on their channel.

Its packages, from top to bottom; each imports only what is below it:

- `backends`: what applications construct.
- `transports`: the WebSocket endpoint, and what writes to sockets. FastAPI and uvicorn stop here.
- `connection`: one client connection, its commands and its subscriptions.
- `instance`: one instance: its hub, its connections, its in-process listeners, and the loop that they run on.
- `bridge`: an engine over a store that instances share, like Redis.
- `base`: the interface of every backend.
- `core`: events, history, channels, protocol, without IO and asyncio.
- `websocket`: frames and handshakes as bytes, without IO.

Names are imported when they are asked for: the client and other users of `core` do not load FastAPI.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pattern_stack.atoms.broadcast.backends import broadcast_from_url
    from pattern_stack.atoms.broadcast.backends.dependency import Broadcast
    from pattern_stack.atoms.broadcast.backends.on_the_hub import on_the_hub
    from pattern_stack.atoms.broadcast.backends.publisher import AsyncPublisher, Publisher
    from pattern_stack.atoms.broadcast.backends.websocket import (
        Bridge,
        ScriptedBridge,
        TableBridge,
        WebSocketBroadcastBackend,
    )
    from pattern_stack.atoms.broadcast.base import BroadcastBackend, Handler, Subscription
    from pattern_stack.atoms.broadcast.core.channels import Channel
    from pattern_stack.atoms.broadcast.core.command import command
    from pattern_stack.atoms.broadcast.core.connection import Connection
    from pattern_stack.atoms.broadcast.core.event import Event, Position, Publish
    from pattern_stack.atoms.broadcast.core.history import History
    from pattern_stack.atoms.broadcast.core.identity import Identity
    from pattern_stack.atoms.broadcast.core.limits import Limits
    from pattern_stack.atoms.broadcast.websocket.frames import Shared

__all__ = [
    "AsyncPublisher",
    "Bridge",
    "Broadcast",
    "BroadcastBackend",
    "Channel",
    "Connection",
    "Event",
    "Handler",
    "History",
    "Identity",
    "Limits",
    "Position",
    "Publish",
    "Publisher",
    "ScriptedBridge",
    "Shared",
    "Subscription",
    "TableBridge",
    "WebSocketBroadcastBackend",
    "broadcast_from_url",
    "command",
    "on_the_hub",
]

_MODULES = {
    "AsyncPublisher": "backends.publisher",
    "Bridge": "backends.websocket",
    "Broadcast": "backends.dependency",
    "BroadcastBackend": "base",
    "Channel": "core.channels",
    "Connection": "core.connection",
    "Event": "core.event",
    "Handler": "base",
    "History": "core.history",
    "Identity": "core.identity",
    "Limits": "core.limits",
    "Position": "core.event",
    "Publish": "core.event",
    "Publisher": "backends.publisher",
    "ScriptedBridge": "backends.websocket",
    "Shared": "websocket.frames",
    "Subscription": "base",
    "TableBridge": "backends.websocket",
    "WebSocketBroadcastBackend": "backends.websocket",
    "broadcast_from_url": "backends",
    "command": "core.command",
    "on_the_hub": "backends.on_the_hub",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value
