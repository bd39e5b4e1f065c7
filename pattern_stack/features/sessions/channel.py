"""`session:{session_id}`: who subscribes has joined it."""

from typing import TYPE_CHECKING, Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.sessions.errors import SessionNotFound

if TYPE_CHECKING:
    from pattern_stack.features.sessions.service import Sessions
    from pattern_stack.features.sessions.session import Session


def register_channel(broadcast: WebSocketBroadcastBackend, sessions: "Sessions") -> None:
    """Also where a bridge is configured it stays here: a session lives in one instance.

    The joiner is counted before it has its position, so it finds itself in its snapshot.
    """

    def find(session_id: str) -> "Session":
        try:
            return sessions.get(session_id)
        except SessionNotFound as error:
            raise NotFound(str(error)) from None

    async def tell(session: "Session", event: str, connection: Connection) -> None:
        told = {"connection_id": connection.id, "active_clients": len(session.clients)}
        await sessions.publish(session, [(event, told)])

    @broadcast.channel("session:{session_id}", local=True)
    class Joining(Channel):
        async def authorize(self, connection: Connection, session_id: str) -> None:
            find(session_id)

        async def joined(self, connection: Connection, session_id: str) -> None:
            session = find(session_id)
            session.clients.add(connection.id)
            sessions.touch(session)
            await tell(session, "session-connected", connection)
            find(session_id)  # where it was closed meanwhile, the joiner was not there to be told

        async def snapshot(self, connection: Connection, session_id: str) -> dict[str, Any]:
            return sessions.snapshot(find(session_id), connection.id)

        async def left(self, connection: Connection, session_id: str) -> None:
            if sessions.has(session_id):  # otherwise session-closed was its last event
                session = find(session_id)
                session.clients.discard(connection.id)
                await tell(session, "session-disconnected", connection)
