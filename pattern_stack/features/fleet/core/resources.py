"""What there is in a fleet, in one table."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from pattern_stack.atoms.cache import Lifetime
from pattern_stack.features.fleet.models import Owned, Project, Session, Todo


class Kind(NamedTuple):
    """`lifetime`: of what is known of other computers. None: as long as a heartbeat lives."""

    model: type[Owned] | None
    """Of what computers write to each other; None for what heartbeats tell."""
    lifetime: Lifetime | None
    key: Callable[[Any], Hashable]
    """Where an entry of it lies in the cache."""
    order: Callable[[Any], Any]
    """In lists."""
    updated: str
    """The event of a change: of one of them, or of all that a computer has."""
    whole: str | None
    """The stream's entry with all that a computer has."""


KINDS = {
    "computers": Kind(
        None,
        None,
        lambda one: one.name,
        lambda one: one.name,
        "computer-updated",
        None,
    ),
    "projects": Kind(
        Project,
        Lifetime(300, serve_stale=True),
        lambda one: (one.computer, one.path),
        lambda one: (one.computer, one.path),
        "projects-updated",
        "projects-updated",
    ),
    "todos": Kind(
        Todo,
        Lifetime(300, serve_stale=True),
        lambda one: (one.computer, one.project),  # an entry is the tuple of a project's todos
        lambda one: (one.computer, one.project, one.slug),
        "todos-updated",
        "todos-updated",
    ),
    "sessions": Kind(
        Session,
        Lifetime(None),
        lambda one: one.session_id,
        lambda one: (one.created_at, one.session_id),
        "session-updated",
        "sessions-updated",
    ),
}

REMOVED = "session-removed"
SHARED = sorted(name for name, kind in KINDS.items() if kind.whole)
"""Those that computers write to each other."""


def channel(kind: str) -> str:
    return f"fleet:{kind}"
