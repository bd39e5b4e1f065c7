"""`session:{session_id}`: subscribing joins the session."""

from typing import Any

import orjson

from pattern_stack.atoms.broadcast import Channel, Connection, Position, WebSocketBroadcastBackend
from pattern_stack.atoms.turns import in_turns
from pattern_stack.errors import NotFound
from pattern_stack.features.sessions.announcements import Announcements
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session


def register_channel(broadcast: WebSocketBroadcastBackend, registry: Registry) -> None:
    """Local also where a bridge is configured: a session lives in one instance.

    The joiner is counted before it has its position, so it finds itself in its snapshot.
    """
    announcements = Announcements(registry)

    def find(session_id: str) -> Session:
        try:
            return registry.get(session_id)
        except SessionNotFound as error:
            raise NotFound(str(error)) from None

    @broadcast.channel("session:{session_id}", history=registry.history, local=True)
    class SessionChannel(Channel):
        async def authorize(self, connection: Connection, session_id: str) -> None:
            find(session_id)

        async def joined(self, connection: Connection, session_id: str) -> None:
            session = find(session_id)
            session.attendance.join(connection.id)
            registry.touch(session)
            try:
                await announcements.announce(session)
                find(session_id)  # where it was closed meanwhile, the joiner did not get session-closed
            except BaseException:  # `left` is not called then
                session.attendance.leave(connection.id)
                announcements.announce_soon(session)
                raise

        async def snapshot(self, connection: Connection, session_id: str) -> tuple[dict[str, Any], Position]:
            """The graph is encoded once for all who get it while nothing changes. Nothing that is sent names a user."""
            session = find(session_id)
            async with session.graph_lock:  # whoever changes the graph publishes before letting go of it
                graph = await in_turns(session.document.encode())
                find(session_id)  # where it was closed meanwhile, there is no snapshot
                state = {
                    "session": session.info.model_dump(mode="json"),
                    "graph": orjson.Fragment(graph),
                    "connection_id": connection.id,
                }
                return state, await broadcast.position(session.channel)

        async def left(self, connection: Connection, session_id: str) -> None:
            if registry.has(session_id):  # otherwise session-closed was its last event
                session = find(session_id)
                session.attendance.leave(connection.id)
                await announcements.announce(session)
