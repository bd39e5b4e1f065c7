"""One engine a URL: the setting that an application changes to change where its events go."""

from collections.abc import Iterable

from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend
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
) -> WebSocketBroadcastBackend:
    """The backend that a URL names: `memory://` is one process, `ipc://` the worker processes of one server
    on one host, `redis://`, `rediss://` (TLS) and `unix://` a Redis that
    instances share, `postgresql://`, `postgres://` and `postgresql+psycopg://` a PostgreSQL.

    `channel_prefix` keeps applications on one server apart. InvalidURL for any other scheme, and for a URL that cannot be
    read."""
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.replace("+", "_").isidentifier():  # what stands there may be a password
        raise InvalidURL("not a URL, like memory:// or redis://localhost:6379/0")
    if scheme == "memory":
        return WebSocketBroadcastBackend(limits=limits, history=history, everyone=everyone, authorize=authorize)
    if scheme == "ipc":
        from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend

        workers = IPCBroadcastBackend(url, channel_prefix=channel_prefix, limits=limits)
        return WebSocketBroadcastBackend(
            bridge=workers, limits=limits, history=history, everyone=everyone, authorize=authorize
        )
    if scheme in ("redis", "rediss", "unix"):
        from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

        bridge = RedisBroadcastBackend(url, channel_prefix=channel_prefix, limits=limits)
        return WebSocketBroadcastBackend(
            bridge=bridge, limits=limits, history=history, everyone=everyone, authorize=authorize
        )
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend

        database = PostgresBroadcastBackend(url, channel_prefix=channel_prefix, limits=limits)
        return WebSocketBroadcastBackend(
            bridge=database, limits=limits, history=history, everyone=everyone, authorize=authorize
        )
    raise InvalidURL(
        f"no broadcast backend for {scheme}://, only for memory://, ipc://, redis://, rediss://, unix:// and postgresql://"
    )
