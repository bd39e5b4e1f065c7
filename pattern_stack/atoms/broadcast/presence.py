"""Who is on a channel, for channels that keep it."""

from typing import Any

import orjson


class Presence:
    """Connections by channel, in the order in which they came."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, Any]] = {}

    def join(self, channel: str, connection_id: str, user: object) -> dict[str, Any]:
        """The payload of `presence-joined`: {connection_id, user, count}."""
        members = self._members.setdefault(channel, {})
        members[connection_id] = _shown(user)
        return self._change(channel, connection_id, members[connection_id])

    def leave(self, channel: str, connection_id: str) -> dict[str, Any]:
        """The payload of `presence-left`: {connection_id, user, count}."""
        members = self._members[channel]
        user = members.pop(connection_id)
        if not members:
            del self._members[channel]
        return self._change(channel, connection_id, user)

    def members(self, channel: str) -> list[dict[str, Any]]:
        return [{"connection_id": id, "user": user} for id, user in self._members.get(channel, {}).items()]

    def _change(self, channel: str, connection_id: str, user: Any) -> dict[str, Any]:
        return {"connection_id": connection_id, "user": user, "count": len(self._members.get(channel, ()))}


def _shown(user: object) -> Any:
    """A user as others see it: itself where it is JSON, otherwise its str()."""
    try:
        return orjson.loads(orjson.dumps(user))
    except TypeError:
        return str(user)
