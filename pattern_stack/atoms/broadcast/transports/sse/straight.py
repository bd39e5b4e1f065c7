"""A response's body straight to uvicorn's socket, where nothing in between looks at it: a call of `send` costs more than the
rest of a delivery."""

from collections.abc import Callable
from typing import Any

_LOOK_AT_THE_START_ALONE = {
    ("starlette._exception_handler", "wrap_app_handling_exceptions.<locals>.wrapped_app.<locals>.sender"),
    ("starlette.middleware.errors", "ServerErrorMiddleware.__call__.<locals>._send"),
}
"""What an application without middleware of its own has around `send`."""


def chunk_writer(send: Any, server: Any) -> Callable[[bytes], None] | None:
    """What writes a chunk of the body that `send` has begun. None where `send` has to be called: for another server than
    uvicorn with httptools, and where middleware might change the body, or look at it."""
    if getattr(server, "chunked_encoding", None) is not True or _innermost(send) != server.send:
        return None
    write: Callable[[bytes], None] = server.transport.write
    return write


def _innermost(send: Any) -> Any:
    while (getattr(send, "__module__", ""), getattr(send, "__qualname__", "")) in _LOOK_AT_THE_START_ALONE:
        send = dict(zip(send.__code__.co_freevars, send.__closure__, strict=True))["send"].cell_contents
    return send


def chunk(data: bytes) -> bytes:
    """As HTTP/1.1 frames it (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
