"""One bridge a URL: the store that instances share, and what publishes to it from elsewhere."""

from collections.abc import Callable
from typing import Any

from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.url_text import check_text
from pattern_stack.errors import InvalidURL

Make = Callable[..., Any]
"""`make(url, **options)`: the options are keywords of the bridge's class."""


def _redis() -> Make:
    from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

    return RedisBroadcastBackend


def _postgres() -> Make:
    from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend

    return PostgresBroadcastBackend


def _ipc() -> Make:
    from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend

    return IPCBroadcastBackend


BRIDGES: dict[str, Callable[[], Make]] = {
    "ipc": _ipc,
    **dict.fromkeys(("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"), _redis),
    **dict.fromkeys(("postgresql", "postgres", "postgresql+psycopg"), _postgres),
}
"""By scheme. Each is imported when a URL names it: it may need an extra."""


def scheme_of(url: str) -> str:
    """Raises InvalidURL for what is no URL, and quotes nothing of it: there may be a password in it."""
    check_text(url)
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.replace("+", "_").isidentifier():
        raise InvalidURL("not a URL, like memory:// or redis://localhost:6379/0")
    return scheme


def bridge_from_url(url: str, **options: Any) -> InstanceBackend:
    """Raises InvalidURL for a URL that cannot be read; NotInstalled without its extra. The scheme is one of BRIDGES."""
    bridge: InstanceBackend = BRIDGES[scheme_of(url)]()(url, **options)
    return bridge
