"""The events of the channels, each with the type of its payload."""

from typing import Final, NotRequired

from pydantic import BaseModel
from typing_extensions import TypedDict

from pattern_stack.atoms.broadcast.core.declared_events import Open
from pattern_stack.features.fleet.core.resources import RESOURCES, SESSION_REMOVED
from pattern_stack.features.fleet.models import Computer, FleetProject, FleetSession, Todo


class ProjectsUpdated(TypedDict):
    """All projects of one computer. They are left out where they are too long for an event: ask for a snapshot."""

    computer: str
    projects: NotRequired[list[FleetProject]]


class TodosUpdated(TypedDict):
    """All todos of one computer. They are left out where they are too long for an event: ask for a snapshot."""

    computer: str
    todos: NotRequired[list[Todo]]


class SessionRemoved(BaseModel):
    """A session has ended."""

    session_id: str


EVENTS: Final = Open(
    {
        RESOURCES["computers"].updated_event: Computer,
        RESOURCES["projects"].updated_event: ProjectsUpdated,
        RESOURCES["todos"].updated_event: TodosUpdated,
        RESOURCES["sessions"].updated_event: FleetSession,
        SESSION_REMOVED: SessionRemoved,
    }
)
"""On `fleet:{resource}`."""
