"""The end of what a server writes, while it reads what still comes: closing over unread data resets a connection."""

import asyncio
import contextlib


def half_close(transport: asyncio.Transport) -> bool:
    """Write nothing more. False where a transport cannot be half closed (TLS)."""
    if not transport.can_write_eof():
        return False
    with contextlib.suppress(OSError):  # the peer has reset it
        transport.write_eof()
    return True
