"""Real-time for FastAPI: events from an application to its clients, in order, without silent loss."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pattern_stack.errors import (
    BroadcastClosed,
    BroadcastError,
    BroadcastUnavailable,
    Forbidden,
    InvalidChannel,
    InvalidEvent,
    InvalidSetting,
    InvalidURL,
    NotFound,
    NotInstalled,
    PatternStackError,
    Rejected,
    ServiceError,
    TooSlow,
    Unauthenticated,
)

if TYPE_CHECKING:
    from pattern_stack.atoms.broadcast import (
        AsyncPublisher,
        Broadcast,
        BroadcastBackend,
        Channel,
        Connection,
        Event,
        Handler,
        History,
        Identity,
        Limits,
        Position,
        Publish,
        Publisher,
        Subscription,
        WebSocketBroadcastBackend,
        broadcast_from_url,
        command,
    )
    from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend as IPCBroadcastBackend
    from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend as PostgresBroadcastBackend
    from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend as RedisBroadcastBackend
    from pattern_stack.health import health_router

__all__ = [
    "AsyncPublisher",
    "Broadcast",
    "BroadcastBackend",
    "BroadcastClosed",
    "BroadcastError",
    "BroadcastUnavailable",
    "Channel",
    "Connection",
    "Event",
    "Forbidden",
    "Handler",
    "History",
    "IPCBroadcastBackend",
    "Identity",
    "InvalidChannel",
    "InvalidEvent",
    "InvalidSetting",
    "InvalidURL",
    "Limits",
    "NotFound",
    "NotInstalled",
    "PatternStackError",
    "Position",
    "PostgresBroadcastBackend",
    "Publish",
    "Publisher",
    "RedisBroadcastBackend",
    "Rejected",
    "ServiceError",
    "Subscription",
    "TooSlow",
    "Unauthenticated",
    "WebSocketBroadcastBackend",
    "broadcast_from_url",
    "command",
    "health_router",
]

_MODULES = {
    "IPCBroadcastBackend": "pattern_stack.atoms.broadcast.backends.ipc",
    "PostgresBroadcastBackend": "pattern_stack.atoms.broadcast.backends.postgres",
    "RedisBroadcastBackend": "pattern_stack.atoms.broadcast.backends.redis",
    "health_router": "pattern_stack.health",
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for. `pattern_stack.client` does not load FastAPI, and the bridges need the extras
    `redis` and `postgres`, or Unix sockets."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES.get(name, "pattern_stack.atoms.broadcast")), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
