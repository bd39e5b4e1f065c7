"""The channels `notifications:{session_id}`, whose events are about one session, and `notifications`."""

import re
from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.notifications.events import OF_ALL, OF_SESSION
from pattern_stack.features.notifications.models import SESSION_ID
from pattern_stack.features.notifications.records import EVERYONE
from pattern_stack.features.notifications.service import NotificationService


def register_channel(broadcast: WebSocketBroadcastBackend, notifications: NotificationService) -> None:
    """A subscriber first gets the session's state as a snapshot.

    Events carry whole records, so one that the snapshot contains already changes nothing.
    """

    @broadcast.channel(EVERYONE, events=OF_ALL)
    class EveryoneChannel(Channel):
        """What belongs to no session."""

    @broadcast.channel(f"{EVERYONE}:{{session_id:path}}", events=OF_SESSION)
    class SessionChannel(Channel):
        """What belongs to one session. It begins with a snapshot."""

        async def authorize(self, connection: Connection, session_id: str) -> None:
            if not re.fullmatch(SESSION_ID, session_id):
                raise NotFound(f"{session_id!r} names no session")

        async def snapshot(self, connection: Connection, session_id: str) -> dict[str, Any]:
            return await notifications.snapshot(session_id)
