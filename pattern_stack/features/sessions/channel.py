"""`session:{session_id}`: subscribing joins the session."""

from typing import Any

import orjson

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session


def register_channel(broadcast: WebSocketBroadcastBackend, registry: Registry) -> None:
    """Local also where a bridge is configured: a session lives in one instance.

    The joiner is counted before it has its position, so it finds itself in its snapshot.
    """

    def find(session_id: str) -> Session:
        try:
            return registry.get(session_id)
        except SessionNotFound as error:
            raise NotFound(str(error)) from None

    async def publish(session: Session, event: str, connection: Connection) -> None:
        payload = {"connection_id": connection.id, "active_clients": len(session.clients)}
        await registry.publish(session, [(event, payload)])

    @broadcast.channel("session:{session_id}", local=True)
    class SessionChannel(Channel):
        async def authorize(self, connection: Connection, session_id: str) -> None:
            find(session_id)

        async def joined(self, connection: Connection, session_id: str) -> None:
            session = find(session_id)
            session.clients.add(connection.id)
            registry.touch(session)
            await publish(session, "session-connected", connection)
            find(session_id)  # where it was closed meanwhile, the joiner did not get session-closed

        async def snapshot(self, connection: Connection, session_id: str) -> dict[str, Any]:
            session = find(session_id)
            return {
                "session": session.info.model_dump(mode="json"),
                "graph": orjson.Fragment(session.document.encoded_tree),
                "connection_id": connection.id,
            }

        async def left(self, connection: Connection, session_id: str) -> None:
            if registry.has(session_id):  # otherwise session-closed was its last event
                session = find(session_id)
                session.clients.discard(connection.id)
                await publish(session, "session-disconnected", connection)
