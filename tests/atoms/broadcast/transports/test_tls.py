"""The fast lane behind uvicorn's own TLS, whose transports cannot be half closed and tell of a loss a turn later."""

import asyncio
import socket
import ssl
import struct
from asyncio.sslproto import SSLProtocol
from pathlib import Path
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend, until

PEM = Path(__file__).parents[3] / "support" / "loopback.pem"
"""A key and its certificate, good for nothing but 127.0.0.1."""
HEAD = (
    b"GET /ws/broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_events_arrive(backend: WebSocketBroadcastBackend, loop: str) -> None:
    trust = ssl.create_default_context(cafile=PEM)
    with serving_backend(backend, config={"ssl_certfile": PEM, "loop": loop}) as server:
        url = server.url.replace("ws:", "wss:")
        async with client(url, ssl=trust) as one, client(url, ssl=trust) as other:
            await one.subscribe("a")
            await backend.broadcast("a", "x", {"x": "x" * 200_000})
            assert (await one.event())["event"] == "x"
            await other.socket.close()
        await until(server, lambda: not server.server_state.connections)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_a_failed_connection_is_ended_by_the_server(
    backend: WebSocketBroadcastBackend, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pattern_stack.atoms.broadcast.transports.socket._CLOSE_SECONDS", 3_600)
    trust = ssl.create_default_context(cafile=PEM)
    with serving_backend(backend, config={"ssl_certfile": PEM, "loop": loop}) as server:
        url = server.url.replace("ws:", "wss:")
        for _ in range(2):
            async with client(url, ssl=trust, close_timeout=3_600) as one:
                await one.socket.send("x" * 100_000)
                assert (await one.closed())[0] == 1009
        await until(server, lambda: not server.server_state.connections)


async def test_a_loss_as_the_socket_is_handed_over_is_noticed(
    backend: WebSocketBroadcastBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[asyncio.Future[str]] = []
    lose = SSLProtocol.connection_lost

    def lose_late(protocol: SSLProtocol, exc: Exception | None) -> None:
        """The answer comes first, and the loss is told in the same turn."""
        if waiting:
            waiting.pop().set_result("ann")
        lose(protocol, exc)

    async def authenticate() -> str:
        waiting.append(asyncio.get_running_loop().create_future())
        return await waiting[0]

    monkeypatch.setattr(SSLProtocol, "connection_lost", lose_late)
    config: dict[str, Any] = {"ssl_certfile": PEM, "loop": "asyncio", "timeout_graceful_shutdown": 1}
    with serving_backend(backend, authenticate=authenticate, config=config) as server:
        for _ in ("through the application", "past it"):
            peer = await asyncio.to_thread(begin, server.port)
            await until(server, lambda: bool(waiting))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            await until(server, lambda: not waiting)
            await until(server, lambda: not server.server_state.connections)
            assert backend.get_total_connections() == 0


def begin(port: int) -> ssl.SSLSocket:
    """A handshake whose answer is still to come."""
    peer = ssl.create_default_context(cafile=PEM).wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE), server_hostname="127.0.0.1"
    )
    peer.sendall(HEAD)
    return peer
