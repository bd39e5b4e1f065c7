"""Whether a server that does not answer speaks TLS where its URL does not, or the other way round."""

import asyncio
import ssl

from redis.asyncio.connection import AbstractConnection, SSLConnection

from pattern_stack.atoms.redis.errors import ServerRejected

_SECONDS = 1.0


async def mismatch(connection: AbstractConnection) -> ServerRejected | None:
    """Redis hangs up on who speaks plainly to its TLS port, and waits in silence for more where it is the other way round:
    so it is asked in the other way. No secret is sent. One at a Unix socket speaks no TLS."""
    host, port, tls = (
        getattr(connection, "host", None),
        getattr(connection, "port", None),
        isinstance(connection, SSLConnection),
    )
    if not host:
        return None
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=None if tls else _anybody())
            writer.write(b"PING\r\n")
            answer = await reader.read(1)
            writer.transport.abort()
    except (OSError, TimeoutError):
        return None
    if answer not in (b"+", b"-"):
        return None
    return ServerRejected(f"it speaks {'no TLS: redis://' if tls else 'TLS: rediss://'} is for it")


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
