"""The four resources of a fleet: how each is cached, sorted and announced."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from pattern_stack.atoms.cache import Lifetime
from pattern_stack.features.fleet.models import FleetProject, FleetSession, OwnedRecord, Todo


class Resource(NamedTuple):
    model: type[OwnedRecord] | None
    """Its records in stream entries. None for computers: heartbeats describe those."""
    lifetime: Lifetime | None
    """Of a cached record of another computer. None: as long as that computer is online."""
    cache_key: Callable[[Any], Hashable]
    sort_key: Callable[[Any], Any]
    updated_event: str
    """Tells clients of one changed computer or session, or of all projects or todos of one computer."""
    full_entry: str | None
    """The event name of the stream entry that holds all records of one computer."""


RESOURCES = {
    "computers": Resource(
        None,
        None,
        lambda computer: computer.name,
        lambda computer: computer.name,
        "computer-updated",
        None,
    ),
    "projects": Resource(
        FleetProject,
        Lifetime(300, serve_stale=True),
        lambda project: (project.computer, project.path),
        lambda project: (project.computer, project.path),
        "projects-updated",
        "projects-updated",
    ),
    "todos": Resource(
        Todo,
        Lifetime(300, serve_stale=True),
        lambda todo: (todo.computer, todo.project),  # one cache entry holds the tuple of a project's todos
        lambda todo: (todo.computer, todo.project, todo.slug),
        "todos-updated",
        "todos-updated",
    ),
    "sessions": Resource(
        FleetSession,
        Lifetime(None),
        lambda session: session.session_id,
        lambda session: (session.created_at, session.session_id),
        "session-updated",
        "sessions-updated",
    ),
}

SESSION_REMOVED = "session-removed"
SHARED = sorted(name for name, resource in RESOURCES.items() if resource.full_entry)
"""The resources that computers write to each other."""


def channel_name(resource: str) -> str:
    """The channel on which clients follow a resource."""
    return f"fleet:{resource}"
