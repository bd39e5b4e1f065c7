"""`session:{session_id}`: subscribing joins the session. `session-cursors:{session_id}`: who is at which node."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, Position, WebSocketBroadcastBackend
from pattern_stack.atoms.turns import in_turns
from pattern_stack.errors import BroadcastUnavailable, NotFound
from pattern_stack.features.sessions.errors import SessionNotFound, SessionUnavailable
from pattern_stack.features.sessions.events import EVENTS
from pattern_stack.features.sessions.journal import Journal
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session


def register_channel(broadcast: WebSocketBroadcastBackend, registry: Registry, journal: Journal) -> None:
    """Declare the channels. A client is counted before it has its position, so its snapshot counts it too."""

    async def find(session_id: str) -> Session:
        with _as_broadcast():
            return await journal.find(session_id)

    @broadcast.channel("session:{session_id:path}", events=EVENTS)
    class SessionChannel(Channel):
        """One session. A client joins by subscribing, and gets a snapshot first."""

        async def authorize(self, connection: Connection, session_id: str) -> None:
            await find(session_id)

        async def joined(self, connection: Connection, session_id: str) -> None:
            session = await find(session_id)
            session.attendance.join(connection.id)
            registry.touch(session)
            try:
                with _as_broadcast():
                    await journal.attend(session)
                await find(session_id)  # if it was closed meanwhile, this client did not get session-closed
            except BaseException:  # `left` is not called then
                session.attendance.leave(connection.id)
                journal.attend_soon(session)
                raise

        async def snapshot(self, connection: Connection, session_id: str) -> tuple[dict[str, Any], Position]:
            """The encoded graph is shared by all clients that join before the next change. Nothing that is sent names a user."""
            session = await find(session_id)
            with _as_broadcast():
                async with session.graph_lock:  # a change of the graph is published before the lock is released
                    position = await journal.position(session)
                    graph = await in_turns(session.document.encode())
                    session.check_open()  # if it was closed meanwhile, there is no snapshot
                    if not journal.is_shared:  # who has come or gone meanwhile was published, too
                        position = await journal.position(session)
                    state = {
                        "session": session.info.model_dump(mode="json"),
                        "graph": session.shared(graph),
                        "connection_id": connection.id,
                    }
                    return state, position

        async def left(self, connection: Connection, session_id: str) -> None:
            if registry.has(session_id):  # if it was closed, session-closed was its last event
                session = registry.get(session_id)
                session.attendance.leave(connection.id)
                with _as_broadcast():
                    await journal.attend(session)

    @broadcast.channel("session-cursors:{session_id:path}", presence=lambda user: None)
    class CursorsChannel(Channel):
        """Each client shows where it is by its state, like {"node": "...", "typing": true}. Nobody sees who the user is."""

        async def authorize(self, connection: Connection, session_id: str) -> None:
            await find(session_id)


@contextmanager
def _as_broadcast() -> Iterator[None]:
    """Errors of sessions, as those of a channel."""
    try:
        yield
    except SessionNotFound as error:
        raise NotFound(str(error)) from None
    except SessionUnavailable as error:
        raise BroadcastUnavailable(str(error)) from None
