"""What follows from a change of the state, and from a heartbeat."""

from typing import Any, NamedTuple

from pattern_stack.features.fleet.core.heartbeat import Incarnation


class StateChange(NamedTuple):
    """One event for the clients of this computer."""

    resource: str
    event: str
    payload: dict[str, Any]
    is_local: bool = False
    """It happened on this computer: computers that watch the resource are told, too."""


class Peer(NamedTuple):
    """Another computer that is online, as a writer sees it."""

    incarnation: Incarnation
    interested_in: frozenset[str]


class HeartbeatResult(NamedTuple):
    """What follows from another computer's heartbeat."""

    changes: list[StateChange]
    send_full: list[str]
    """Resources of which that computer has to be sent all records of this one."""
    request_full: bool
    """That computer has to be asked for all its records."""
