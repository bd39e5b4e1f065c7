"""One engine a URL: the setting that an application changes to change where its events go."""

from collections.abc import Iterable
from typing import Any, Literal

from pattern_stack.atoms.broadcast.backends.bridges import BRIDGES, bridge_from_url, scheme_of
from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE
from pattern_stack.atoms.broadcast.core.channels import Authorize
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.errors import InvalidURL


def broadcast_from_url(
    url: str,
    *,
    limits: Limits | None = None,
    history: History | None = None,
    everyone: Iterable[str] = (),
    authorize: Authorize | None = None,
    channel_prefix: str = "pattern_stack",
    patience: float = PATIENCE,
    undeclared: Literal["open", "refuse"] = "open",
) -> WebSocketBroadcastBackend:
    """The backend that a URL names: `memory://` is one process, `ipc://` the worker processes of one server on one host,
    `auto://` the latter in such a worker and else the former, `redis://`, `rediss://` (TLS), `unix://` and `redis+sentinel://`
    a Redis that instances share, `postgresql://`, `postgres://` and `postgresql+psycopg://` a PostgreSQL.

    `channel_prefix` keeps applications on one server apart. `patience`, `undeclared`: see WebSocketBroadcastBackend;
    `memory://` is never down. InvalidURL for any other scheme, and for a URL that cannot be read."""
    options: dict[str, Any] = {
        "limits": limits,
        "history": history,
        "everyone": everyone,
        "authorize": authorize,
        "undeclared": undeclared,
    }
    if (scheme := scheme_of(url)) == "memory":
        return WebSocketBroadcastBackend(bridge=None, **options)
    if scheme == "auto":
        return WebSocketBroadcastBackend(patience=patience, channel_prefix=channel_prefix, **options)
    if scheme not in BRIDGES:
        taken = ", ".join(f"{name}://" for name in ("memory", "auto", *BRIDGES))
        raise InvalidURL(f"no broadcast backend for {scheme}://, only for {taken}")
    bridge: Any = bridge_from_url(url, channel_prefix=channel_prefix, limits=limits, patience=patience)
    return WebSocketBroadcastBackend(bridge=bridge, **options)
