"""One engine a URL: the setting that an application changes to change where its events go."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.history import History
from pattern_stack.atoms.broadcast.limits import Limits


def broadcast_from_url(
    url: str, *, limits: Limits | None = None, history: History | None = None, everyone: Iterable[str] = ()
) -> WebSocketBroadcastBackend:
    """The backend that a URL names: `memory://` is one process. ValueError for any other scheme."""
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return WebSocketBroadcastBackend(limits=limits, history=history, everyone=everyone)
    raise ValueError(f"no broadcast backend for {scheme}://, only for memory://")
