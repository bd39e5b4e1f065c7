"""The broadcast atom: events from anywhere in an application to every client that is on their channel."""

from pattern_stack.atoms.broadcast.backends import broadcast_from_url
from pattern_stack.atoms.broadcast.backends.on_the_hub import on_the_hub
from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.base import BroadcastBackend, Handler, Subscription
from pattern_stack.atoms.broadcast.core.channels import Channel
from pattern_stack.atoms.broadcast.core.connection import Connection
from pattern_stack.atoms.broadcast.core.event import Event, Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.limits import Limits

__all__ = [
    "BroadcastBackend",
    "Channel",
    "Connection",
    "Event",
    "Handler",
    "History",
    "Identity",
    "Limits",
    "Position",
    "Subscription",
    "WebSocketBroadcastBackend",
    "broadcast_from_url",
    "on_the_hub",
]
