"""What can happen to a graph, one node at a time. Each change can be reversed, and has an event for clients."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pattern_stack.features.sessions.core.graph import Graph, Node

EventData = tuple[str, dict[str, Any]]
"""An event's name and payload. It shares the values of properties with the graph, which replaces them and never changes one."""
TypeName = Callable[[str], str]

UNSET: Final = object()
"""The value of a property that was never set."""

CHANGE_BYTES = 128
"""What an event, or a change that is kept for undo, takes beside the node or the values in it."""


class GraphChange(ABC):
    """Holds all that is needed to apply it once, and then its inverse."""

    node: Node

    @property
    def size(self) -> int:
        """Bytes that it counts while it can be undone. Asked for when it was applied, and the same from then on."""
        return CHANGE_BYTES

    @property
    def event_size(self) -> int:
        """About the bytes of its event."""
        return 2 * CHANGE_BYTES

    @abstractmethod
    def apply(self, graph: Graph) -> None: ...

    @abstractmethod
    def inverse(self) -> "GraphChange": ...

    @abstractmethod
    def event(self, type_name: TypeName) -> EventData:
        """What clients are sent. Called right after `apply`, as it reads the node. `type_name` gives a type's name for its id."""


@dataclass(frozen=True, slots=True)
class InsertNode(GraphChange):
    """A node without children is put at `index` among the children of `parent_id`, or among the roots."""

    node: Node
    parent_id: str | None
    index: int

    def apply(self, graph: Graph) -> None:
        graph.insert(self.node, self.parent_id, self.index)

    @property
    def size(self) -> int:
        return CHANGE_BYTES + self.node.size

    @property
    def event_size(self) -> int:
        return self.size

    def inverse(self) -> GraphChange:
        return RemoveNode(self.node, self.parent_id, self.index)

    def event(self, type_name: TypeName) -> EventData:
        node = self.node
        return "node-created", {
            "node_id": node.id,
            "parent_id": self.parent_id,
            "name": node.name,
            "blueprint_type_id": node.blueprint_type_id,
            "type": type_name(node.blueprint_type_id),
            "node": {**node.fields(), "children": []},  # each of them has an event of its own
            "index": self.index,
        }


@dataclass(frozen=True, slots=True)
class RemoveNode(GraphChange):
    """A node without children is taken out of that place."""

    node: Node
    parent_id: str | None
    index: int

    def apply(self, graph: Graph) -> None:
        graph.remove(self.node)

    @property
    def size(self) -> int:
        return CHANGE_BYTES + self.node.size

    def inverse(self) -> GraphChange:
        return InsertNode(self.node, self.parent_id, self.index)

    def event(self, type_name: TypeName) -> EventData:
        return "node-deleted", {"node_id": self.node.id}


@dataclass(frozen=True, slots=True)
class AttachNode(GraphChange):
    """A root is moved to `index` under a parent, with all that is under it. `root_index` is its place before."""

    node: Node
    parent_id: str
    index: int
    root_index: int

    def apply(self, graph: Graph) -> None:
        graph.move(self.node, self.parent_id, self.index)

    def inverse(self) -> GraphChange:
        return DetachNode(self.node, self.parent_id, self.index, self.root_index)

    def event(self, type_name: TypeName) -> EventData:
        return "node-linked", {"parent_id": self.parent_id, "child_id": self.node.id, "index": self.index}


@dataclass(frozen=True, slots=True)
class DetachNode(GraphChange):
    """A child is moved to `root_index` among the roots, with all that is under it. `index` is its place before."""

    node: Node
    parent_id: str
    index: int
    root_index: int

    def apply(self, graph: Graph) -> None:
        graph.move(self.node, None, self.root_index)

    def inverse(self) -> GraphChange:
        return AttachNode(self.node, self.parent_id, self.index, self.root_index)

    def event(self, type_name: TypeName) -> EventData:
        return "node-unlinked", {"parent_id": self.parent_id, "child_id": self.node.id, "index": self.root_index}


@dataclass(frozen=True, slots=True)
class SetProperty(GraphChange):
    """A property of a node gets another value. UNSET, before or after, stands for no value.

    `old_size` and `new_size` are the bytes that the property counts before and after.
    """

    node: Node
    property_id: str
    old: Any
    new: Any
    old_size: int
    new_size: int

    @property
    def size(self) -> int:
        return CHANGE_BYTES + self.old_size + self.new_size

    @property
    def event_size(self) -> int:
        return self.size

    def apply(self, graph: Graph) -> None:
        if self.new is UNSET:
            del self.node.properties[self.property_id]
        else:
            self.node.properties[self.property_id] = self.new
        graph.resize(self.node, self.new_size - self.old_size)

    def inverse(self) -> GraphChange:
        return SetProperty(self.node, self.property_id, self.new, self.old, self.new_size, self.old_size)

    def event(self, type_name: TypeName) -> EventData:
        old = None if self.old is UNSET else self.old
        payload = {"node_id": self.node.id, "property_id": self.property_id, "old_value": old}
        if self.new is UNSET:
            return "property-deleted", payload
        return "property-changed", {**payload, "new_value": self.new}
