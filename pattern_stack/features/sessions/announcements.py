"""Sends a session's clients who has come and who has gone, as far as its attendance allows, and the rest later."""

import asyncio
import logging

from pattern_stack.errors import BroadcastError
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session

logger = logging.getLogger(__name__)


class Announcements:
    """`session-connected` and `session-disconnected` of all sessions. Only the hub's loop touches it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def announce(self, session: Session) -> None:
        """Send what may be sent now. What may not is sent by itself, as soon as it may."""
        arrivals = session.attendance.due(asyncio.get_running_loop().time())
        self.announce_soon(session)
        if arrivals:
            events = [_event(*arrival, len(session.attendance.present)) for arrival in arrivals]
            await self._registry.publish(session, events)

    def announce_soon(self, session: Session) -> None:
        """Send what waits as soon as it may be sent, in a later turn of the loop."""
        loop = asyncio.get_running_loop()
        delay = session.attendance.next_due(loop.time())
        if delay is not None and session.id not in self._timers:
            self._timers[session.id] = loop.call_later(delay, self._go_on, session)

    def _go_on(self, session: Session) -> None:
        del self._timers[session.id]
        if not session.closed:
            task = asyncio.get_running_loop().create_task(self._announce_rest(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _announce_rest(self, session: Session) -> None:
        try:
            await self.announce(session)
        except BroadcastError as error:
            logger.warning("who came to or left %s was not sent: %s", session.channel, error)


def _event(connection_id: str, is_here: bool, count: int) -> EventData:
    name = "session-connected" if is_here else "session-disconnected"
    return name, {"connection_id": connection_id, "active_clients": count}
