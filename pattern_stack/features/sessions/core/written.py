"""Changes as they are written down, as JSON lists. A change names nodes by their ids. No IO."""

from collections.abc import Callable, Mapping
from typing import Any

from pattern_stack.features.sessions.core.changes import (
    UNSET,
    AttachNode,
    DetachNode,
    GraphChange,
    InsertNode,
    RemoveNode,
    SetProperty,
)
from pattern_stack.features.sessions.core.graph import Node, property_size

Nodes = Mapping[str, Node]
"""Every node that a written change may name."""


def write(change: GraphChange) -> list[Any]:
    """For those who know its nodes."""
    match change:
        case InsertNode(node, parent_id, index):
            return ["insert", node.id, parent_id, index]
        case RemoveNode(node, parent_id, index):
            return ["remove", node.id, parent_id, index]
        case AttachNode(node, parent_id, index, root_index):
            return ["attach", node.id, parent_id, index, root_index]
        case DetachNode(node, parent_id, index, root_index):
            return ["detach", node.id, parent_id, index, root_index]
        case SetProperty(node, property_id, old, new):
            return ["set", node.id, property_id, _value(old), _value(new)]
    raise TypeError(f"no such change: {change!r}")


def write_new(change: GraphChange) -> list[Any]:
    """For those who do not know the nodes that it inserts. Written right after it was applied."""
    if isinstance(change, InsertNode):
        node = change.node
        return [*write(change), node.blueprint_type_id, node.name, node.created_at, node.properties]
    return write(change)


def read(written: list[Any], nodes: Nodes) -> GraphChange:
    """Raises KeyError for a node that is not known, and for another change."""
    what, id, *rest = written
    if what == "insert" and len(rest) > 2:
        parent_id, index, type_id, name, created_at, properties = rest
        return InsertNode(Node(id, type_id, name, created_at, properties), parent_id, index)
    return _READERS[what](nodes[id], *rest)


def _read_set(node: Node, property_id: str, old: list[Any], new: list[Any]) -> SetProperty:
    sizes = [property_size(property_id, *one) if one else 0 for one in (old, new)]
    before, after = (one[0] if one else UNSET for one in (old, new))
    return SetProperty(node, property_id, before, after, *sizes)


_READERS: dict[str, Callable[..., GraphChange]] = {
    "insert": InsertNode,
    "remove": RemoveNode,
    "attach": AttachNode,
    "detach": DetachNode,
    "set": _read_set,
}


def _value(value: Any) -> list[Any]:
    """No value is an empty list."""
    return [] if value is UNSET else [value]
