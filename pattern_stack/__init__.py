"""Real-time for FastAPI: events from an application to its clients, in order, without silent loss."""

from typing import TYPE_CHECKING, Any

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
from pattern_stack.health import health_router

if TYPE_CHECKING:
    from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend as IPCBroadcastBackend
    from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend as PostgresBroadcastBackend
    from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend as RedisBroadcastBackend

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


def __getattr__(name: str) -> Any:
    """The bridges are imported when they are asked for: they need the extras `redis` and `postgres`, or Unix sockets."""
    if name == "IPCBroadcastBackend":
        from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend

        return IPCBroadcastBackend
    if name == "PostgresBroadcastBackend":
        from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend

        return PostgresBroadcastBackend
    if name == "RedisBroadcastBackend":
        from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

        return RedisBroadcastBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
