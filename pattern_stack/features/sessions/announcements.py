"""Has a session's clients told later, by itself, who has come and who has gone: as soon as its attendance allows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pattern_stack.errors import BroadcastError
from pattern_stack.features.sessions.core.attendance import Arrival
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.errors import SessionNotFound, SessionUnavailable
from pattern_stack.features.sessions.session import Session

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
"""After it could not be sent."""


class Announcements:
    """Of all sessions. Only the hub's loop touches it. `announce` sends what may be sent now."""

    def __init__(self, announce: Callable[[Session], Awaitable[None]]) -> None:
        self._announce = announce
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self, session: Session, delay: float | None = None) -> None:
        """Send what waits as soon as it may be sent, in a later turn of the loop; or after this delay."""
        loop = asyncio.get_running_loop()
        if delay is None:
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
            await self._announce(session)
        except SessionNotFound:
            pass
        except (BroadcastError, SessionUnavailable) as error:
            logger.warning("who came to or left %s was not sent: %s", session.channel, error)
            if session.is_shared and not session.closed:
                self.soon(session, _AGAIN_SECONDS)


def arrival_event(arrival: Arrival, count: int) -> EventData:
    name = "session-connected" if arrival.is_here else "session-disconnected"
    return name, {"connection_id": arrival.connection_id, "active_clients": count}
