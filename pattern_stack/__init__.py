"""Real-time for FastAPI: events from an application to its clients, in order, without silent loss."""

from pattern_stack.atoms.broadcast import (
    BroadcastBackend,
    Channel,
    Event,
    History,
    Identity,
    Limits,
    Position,
    Subscription,
    WebSocketBroadcastBackend,
    broadcast_from_url,
)
from pattern_stack.errors import (
    BroadcastClosed,
    BroadcastError,
    BroadcastUnavailable,
    Forbidden,
    InvalidChannel,
    InvalidEvent,
    InvalidURL,
    NotFound,
    TooSlow,
    Unauthenticated,
)

__all__ = [
    "BroadcastBackend",
    "BroadcastClosed",
    "BroadcastError",
    "BroadcastUnavailable",
    "Channel",
    "Event",
    "Forbidden",
    "History",
    "Identity",
    "InvalidChannel",
    "InvalidEvent",
    "InvalidURL",
    "Limits",
    "NotFound",
    "Position",
    "Subscription",
    "TooSlow",
    "Unauthenticated",
    "WebSocketBroadcastBackend",
    "broadcast_from_url",
]
