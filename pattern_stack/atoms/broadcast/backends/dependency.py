"""`Broadcast`: the backend as a FastAPI dependency."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend


def _included(connection: HTTPConnection) -> WebSocketBroadcastBackend:
    backend = getattr(connection.state, "broadcast", None)
    if not isinstance(backend, WebSocketBroadcastBackend):
        raise RuntimeError(
            "there is no broadcast backend here: include backend.get_router() in the application, and run its lifespan "
            "(in tests: `with TestClient(app) as client`)"
        )
    return backend


Broadcast = Annotated[WebSocketBroadcastBackend, Depends(_included)]
"""In the signature of an endpoint: `async def create(order: Order, broadcast: Broadcast)`.

It is the backend whose router the application included; of several, the one that was included last. The lifespan of the
application has to run. RuntimeError where there is no backend.
"""
