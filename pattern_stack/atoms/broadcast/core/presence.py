"""Who is on a channel, for channels that keep it."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.core.event import Ephemeral

_HEAD_BYTES = 512
"""In which an event's channel and name stand."""
State = dict[str, Any] | None
"""What a connection shows of itself, as JSON; None: nothing."""
Change = dict[str, Any]
"""The payload of `presence-joined` and `presence-left`: {connection_id, user, count}."""


class Presence(ABC):
    """Connections by channel, in the order in which they came. Over a store everything raises BroadcastUnavailable."""

    @abstractmethod
    async def join(self, channel: str, connection_id: str, user: Any) -> Change:
        """`user` is what others see of the user, as JSON."""

    @abstractmethod
    async def show(self, channel: str, connection_id: str, state: State) -> Any:
        """A member shows this of itself from now on. Returns what others see of its user. Raises KeyError for no member."""

    @abstractmethod
    async def leave(self, channel: str, connection_id: str) -> Change:
        """It is off, whether or not this raises."""

    @abstractmethod
    async def members(self, channel: str) -> list[dict[str, Any]]:
        """Each {connection_id, user}, and `state` of those that show one."""


class Member(NamedTuple):
    """What others see of a connection."""

    user: Any
    state: State = None

    def row(self, connection_id: str) -> dict[str, Any]:
        row = {"connection_id": connection_id, "user": self.user}
        return row if self.state is None else {**row, "state": self.state}


class MemoryPresence(Presence):
    """The connections of one process. Nothing here waits."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, Member]] = {}

    async def join(self, channel: str, connection_id: str, user: Any) -> Change:
        members = self._members.setdefault(channel, {})
        members[connection_id] = Member(user)
        return change(connection_id, user, len(members))

    async def show(self, channel: str, connection_id: str, state: State) -> Any:
        members = self._members[channel]
        members[connection_id] = members[connection_id]._replace(state=state)
        return members[connection_id].user

    async def leave(self, channel: str, connection_id: str) -> Change:
        members = self._members[channel]
        user = members.pop(connection_id).user
        if not members:
            del self._members[channel]
        return change(connection_id, user, len(members))

    async def members(self, channel: str) -> list[dict[str, Any]]:
        return [member.row(id) for id, member in self._members.get(channel, {}).items()]


def change(connection_id: str, user: Any, count: int) -> Change:
    return {"connection_id": connection_id, "user": user, "count": count}


def state_change(connection_id: str, user: Any, state: State) -> dict[str, Any]:
    """The payload of `presence-state`, which is ephemeral."""
    return {"connection_id": connection_id, "user": user, "state": state}


def state_of(event: Ephemeral) -> str:
    """The id of the connection whose state it tells; "" for another event."""
    if b'"event":"presence-state"' not in event.data[:_HEAD_BYTES]:
        return ""
    event_type, payload = event.handler_args
    return str(payload.get("connection_id", "")) if event_type == "presence-state" else ""
