"""How a server offers its sockets to an endpoint, and an endpoint itself to a server."""

from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.types import ASGIApp

from pattern_stack.atoms.broadcast.transports.admission import Door

EXTENSION = "pattern_stack.frames"
"""The key of the ASGI extension with which a server offers the socket of a handshake (uvicorn.py)."""

DIRECT = "pattern_stack.direct:"
"""This and a path are the key of the lifespan state under which a server finds the Direct of that path."""

BOUNDED = "pattern_stack_bounded"
"""The attribute of uvicorn's ServerState that says that its sockets have the bound of bound_socket from the listening one."""

EARLY_BYTES = 16_384
"""Reading stops when more than this came behind a head that is not answered yet."""


class Direct(NamedTuple):
    """An endpoint that a server may ask past the application."""

    door: Door
    scope: dict[str, Any]
    """What the application and its routing would add to the scope."""
    app: ASGIApp
    """The endpoint alone, as an ASGI application."""


def path_of(target: bytes) -> str:
    """The path of a request's target, as the application's routing sees it."""
    path = target.partition(b"?")[0].decode("latin-1")
    return unquote(path) if "%" in path else path
