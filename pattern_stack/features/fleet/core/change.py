"""What follows from a change, and from a heartbeat."""

from typing import Any, NamedTuple

from pattern_stack.features.fleet.core.heartbeat import Life


class News(NamedTuple):
    """An event for the clients here; `shared`: for the computers that watch its kind, too."""

    kind: str
    event: str
    payload: dict[str, Any]
    shared: bool = False


class Peer(NamedTuple):
    """Another computer, as a writer sees it."""

    life: Life
    interested_in: frozenset[str]


class Heard(NamedTuple):
    """What follows from a heartbeat."""

    news: list[News]
    behind: list[str]
    """Kinds of which that computer has to be written all that there is here."""
    ahead: bool
    """That computer has to be asked for all that it has."""
