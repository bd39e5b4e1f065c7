"""The events of `session:{session_id}`, each with the type of its payload."""

from typing import Any, Final, NotRequired

from typing_extensions import TypedDict

from pattern_stack.atoms.broadcast.core.declared_events import Open
from pattern_stack.features.sessions.models import SessionInfo


class OfSession(TypedDict):
    """`command_id`: of the command that caused it."""

    session_id: str
    command_id: NotRequired[str]


class GraphNode(TypedDict):
    """A node with its children."""

    id: str
    blueprint_type_id: str
    name: str
    created_at: str
    properties: dict[str, Any]
    children: list["GraphNode"]
    parent_id: str | None


class Graph(TypedDict):
    """All nodes, as trees."""

    roots: list[GraphNode]


class CommandExecuting(OfSession):
    """A command begins. The events of what it changes follow."""

    command_type: str


class Failure(TypedDict):
    code: str
    message: str


class CommandExecuted(OfSession):
    """A command has ended. `error` says why it changed nothing."""

    success: bool
    error: Failure | None


class NodeCreated(OfSession):
    """Put `node`, which has no children yet, at `index` among the children of `parent_id`, or among the roots."""

    node_id: str
    parent_id: str | None
    name: str
    blueprint_type_id: str
    type: str
    node: GraphNode
    index: int


class NodeDeleted(OfSession):
    """Remove the node. Its children were removed before it."""

    node_id: str


class NodeMoved(OfSession):
    """Move the child to `index`: under the parent where it is linked, among the roots where it is unlinked."""

    parent_id: str
    child_id: str
    index: int


class PropertyDeleted(OfSession):
    """Remove the value of a property."""

    node_id: str
    property_id: str
    old_value: Any


class PropertyChanged(PropertyDeleted):
    """Set the value of a property. `old_value` is null where it had none."""

    new_value: Any


class GraphReplaced(OfSession):
    """The graph replaces the client's. It is left out where it is big: ask for a snapshot."""

    metadata: dict[str, str]
    graph: NotRequired[Graph]


class ClientsChanged(OfSession):
    """A connection came or went, and so many clients are there now."""

    connection_id: str
    active_clients: int


class SessionMoved(OfSession):
    """Another instance owns the session from here on."""

    instance: str


class Snapshot(TypedDict):
    """The session, for who joins it."""

    session: SessionInfo
    graph: Graph
    connection_id: str


EVENTS: Final = Open(
    {
        "snapshot": Snapshot,
        "command-executing": CommandExecuting,
        "command-executed": CommandExecuted,
        "node-created": NodeCreated,
        "node-deleted": NodeDeleted,
        "node-linked": NodeMoved,
        "node-unlinked": NodeMoved,
        "property-changed": PropertyChanged,
        "property-deleted": PropertyDeleted,
        "undo": OfSession,
        "redo": OfSession,
        "graph-changed": OfSession,
        "project-created": GraphReplaced,
        "project-loaded": GraphReplaced,
        "template-loaded": GraphReplaced,
        "session-connected": ClientsChanged,
        "session-disconnected": ClientsChanged,
        "session-moved": SessionMoved,
        "session-closed": OfSession,
    }
)
