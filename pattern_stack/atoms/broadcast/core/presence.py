"""Who is on a channel, for channels that keep it."""

from abc import ABC, abstractmethod
from typing import Any

Change = dict[str, Any]
"""The payload of `presence-joined` and `presence-left`: {connection_id, user, count}."""


class Presence(ABC):
    """Connections by channel, in the order in which they came. Over a store everything raises BroadcastUnavailable."""

    @abstractmethod
    async def join(self, channel: str, connection_id: str, user: Any) -> Change:
        """`user` is what others see of the user, as JSON."""

    @abstractmethod
    async def leave(self, channel: str, connection_id: str) -> Change:
        """It is off, whether or not this raises."""

    @abstractmethod
    async def members(self, channel: str) -> list[dict[str, Any]]:
        """Each {connection_id, user}."""


class MemoryPresence(Presence):
    """The connections of one process. Nothing here waits."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, Any]] = {}

    async def join(self, channel: str, connection_id: str, user: Any) -> Change:
        members = self._members.setdefault(channel, {})
        members[connection_id] = user
        return change(connection_id, user, len(members))

    async def leave(self, channel: str, connection_id: str) -> Change:
        members = self._members[channel]
        user = members.pop(connection_id)
        if not members:
            del self._members[channel]
        return change(connection_id, user, len(members))

    async def members(self, channel: str) -> list[dict[str, Any]]:
        return [{"connection_id": id, "user": user} for id, user in self._members.get(channel, {}).items()]


def change(connection_id: str, user: Any, count: int) -> Change:
    return {"connection_id": connection_id, "user": user, "count": count}
