"""`notifications:{session_id}`: who watches a session."""

import re
from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.notifications.models import SESSION_ID
from pattern_stack.features.notifications.service import NotificationService


def register_channel(broadcast: WebSocketBroadcastBackend, notifications: NotificationService) -> None:
    """Whoever joins is first told where the session stands. Events carry whole records: one that the snapshot has already
    taken in changes nothing."""

    @broadcast.channel("notifications:{session_id}")
    class Watching(Channel):
        async def authorize(self, connection: Connection, session_id: str) -> None:
            if not re.fullmatch(SESSION_ID, session_id):
                raise NotFound(f"{session_id!r} names no session")

        async def snapshot(self, connection: Connection, session_id: str) -> dict[str, Any]:
            return await notifications.snapshot(session_id)
