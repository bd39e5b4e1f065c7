"""`session:{session_id}`: subscribing joins the session. `session-cursors:{session_id}`: who is at which node."""

from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, Position, WebSocketBroadcastBackend
from pattern_stack.atoms.turns import in_turns
from pattern_stack.errors import NotFound
from pattern_stack.features.sessions.announcements import Announcements
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session


def register_channel(broadcast: WebSocketBroadcastBackend, registry: Registry) -> None:
    """Declare the channels. They are local, also where a bridge is configured: a session lives in one instance.

    A client is counted before it has its position, so its snapshot counts it too.
    """
    announcements = Announcements(registry)

    def find(session_id: str) -> Session:
        try:
            return registry.get(session_id)
        except SessionNotFound as error:
            raise NotFound(str(error)) from None

    @broadcast.channel("session:{session_id:path}", local=True)
    class SessionChannel(Channel):
        async def authorize(self, connection: Connection, session_id: str) -> None:
            find(session_id)

        async def joined(self, connection: Connection, session_id: str) -> None:
            session = find(session_id)
            session.attendance.join(connection.id)
            registry.touch(session)
            try:
                await announcements.announce(session)
                find(session_id)  # if it was closed meanwhile, this client did not get session-closed
            except BaseException:  # `left` is not called then
                session.attendance.leave(connection.id)
                announcements.announce_soon(session)
                raise

        async def snapshot(self, connection: Connection, session_id: str) -> tuple[dict[str, Any], Position]:
            """The encoded graph is shared by all clients that join before the next change. Nothing that is sent names a user."""
            session = find(session_id)
            async with session.graph_lock:  # a change of the graph is published before the lock is released
                graph = await in_turns(session.document.encode())
                find(session_id)  # if it was closed meanwhile, there is no snapshot
                state = {
                    "session": session.info.model_dump(mode="json"),
                    "graph": session.shared(graph),
                    "connection_id": connection.id,
                }
                return state, await broadcast.position(session.channel)

        async def left(self, connection: Connection, session_id: str) -> None:
            if registry.has(session_id):  # if it was closed, session-closed was its last event
                session = find(session_id)
                session.attendance.leave(connection.id)
                await announcements.announce(session)

    @broadcast.channel("session-cursors:{session_id:path}", presence=lambda user: None, local=True)
    class CursorsChannel(Channel):
        """Each client shows where it is by its state, like {"node": "...", "typing": true}. Nobody sees who the user is."""

        async def authorize(self, connection: Connection, session_id: str) -> None:
            find(session_id)
