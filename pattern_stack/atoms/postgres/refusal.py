"""Whether a server that cannot be connected to will go on refusing."""

import asyncio

from psycopg import InterfaceError, OperationalError
from psycopg.pq import PGconn, Ping

from pattern_stack.atoms.postgres.errors import Failed, ServerRejected, first_line
from pattern_stack.atoms.postgres.server import pooler_rejected
from pattern_stack.atoms.postgres.session import Session

_SECONDS = 3
_LATER = ("too many", "connection slots", "cannot connect to server", "server login", "no more connections")
"""What a server or a pooler says that may take the connection later."""


async def refusal(error: BaseException, conninfo: str, pooled: bool) -> ServerRejected | None:
    """Of the error that an attempt to connect ended with; None where a later one may do better."""
    if isinstance(error, OperationalError):
        return await _refusal_again(conninfo) if await _answers(conninfo) else None
    if isinstance(error, InterfaceError):  # an event loop that psycopg cannot use
        return ServerRejected(first_line(error))
    if isinstance(error, Failed):
        return pooler_rejected() if pooled else ServerRejected(f"it says: {error}")
    return error if isinstance(error, ServerRejected) else None


async def _refusal_again(conninfo: str) -> ServerRejected | None:
    """libpq tells no SQLSTATE. A server that has just begun to serve takes the second attempt."""
    try:
        async with asyncio.timeout(_SECONDS):
            (await Session.open(conninfo)).close()
    except TimeoutError:
        return None
    except OperationalError as error:
        said = first_line(error)
        if not any(text in said for text in _LATER) and await _answers(conninfo):
            return ServerRejected(f"it says: {said}")
    return None


async def _answers(conninfo: str) -> bool:
    """Whether it is there and takes connections, other than one that is starting up."""
    return await asyncio.to_thread(PGconn.ping, f"{conninfo} connect_timeout={_SECONDS}".encode()) == Ping.OK
