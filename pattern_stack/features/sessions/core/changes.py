"""What can happen to a graph, one node at a time. Each change can be reversed, and says what clients are told of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pattern_stack.features.sessions.core.graph import Graph, Node

Told = tuple[str, dict[str, Any]]
"""An event's name and payload. It shares the values of properties with the graph, which replaces them and never changes one."""
TypeName = Callable[[str], str]

UNSET: Final = object()
"""The value of a property that was never set."""


class Change(ABC):
    """It knows everything that it takes to apply it, and then to apply its inverse."""

    node: Node

    @abstractmethod
    def apply(self, graph: Graph) -> None: ...

    @abstractmethod
    def inverse(self) -> "Change": ...

    @abstractmethod
    def told(self, type_name: TypeName) -> Told:
        """Asked right after it was applied."""


@dataclass(frozen=True, slots=True)
class Create(Change):
    """A node without children takes a place."""

    node: Node
    parent_id: str | None
    index: int

    def apply(self, graph: Graph) -> None:
        graph.insert(self.node, self.parent_id, self.index)

    def inverse(self) -> Change:
        return Delete(self.node, self.parent_id, self.index)

    def told(self, type_name: TypeName) -> Told:
        node = self.node
        return "node-created", {
            "node_id": node.id,
            "parent_id": self.parent_id,
            "name": node.name,
            "blueprint_type_id": node.blueprint_type_id,
            "type": type_name(node.blueprint_type_id),
            "node": {**node.fields(), "children": []},  # its own events tell of them
            "index": self.index,
        }


@dataclass(frozen=True, slots=True)
class Delete(Change):
    """A node without children goes."""

    node: Node
    parent_id: str | None
    index: int

    def apply(self, graph: Graph) -> None:
        graph.remove(self.node)

    def inverse(self) -> Change:
        return Create(self.node, self.parent_id, self.index)

    def told(self, type_name: TypeName) -> Told:
        return "node-deleted", {"node_id": self.node.id}


@dataclass(frozen=True, slots=True)
class Link(Change):
    """A root takes a place under a parent, with all that is under it."""

    node: Node
    parent_id: str
    index: int
    root_index: int

    def apply(self, graph: Graph) -> None:
        graph.move(self.node, self.parent_id, self.index)

    def inverse(self) -> Change:
        return Unlink(self.node, self.parent_id, self.index, self.root_index)

    def told(self, type_name: TypeName) -> Told:
        return "node-linked", {"parent_id": self.parent_id, "child_id": self.node.id, "index": self.index}


@dataclass(frozen=True, slots=True)
class Unlink(Change):
    """The reverse: a child becomes a root."""

    node: Node
    parent_id: str
    index: int
    root_index: int

    def apply(self, graph: Graph) -> None:
        graph.move(self.node, None, self.root_index)

    def inverse(self) -> Change:
        return Link(self.node, self.parent_id, self.index, self.root_index)

    def told(self, type_name: TypeName) -> Told:
        return "node-unlinked", {"parent_id": self.parent_id, "child_id": self.node.id, "index": self.root_index}


@dataclass(frozen=True, slots=True)
class SetProperty(Change):
    """One value of a node takes the place of another; UNSET is none."""

    node: Node
    property_id: str
    old: Any
    new: Any

    def apply(self, graph: Graph) -> None:
        if self.new is UNSET:
            del self.node.properties[self.property_id]
        else:
            self.node.properties[self.property_id] = self.new

    def inverse(self) -> Change:
        return SetProperty(self.node, self.property_id, self.new, self.old)

    def told(self, type_name: TypeName) -> Told:
        old = None if self.old is UNSET else self.old
        told = {"node_id": self.node.id, "property_id": self.property_id, "old_value": old}
        return (
            ("property-deleted", told) if self.new is UNSET else ("property-changed", {**told, "new_value": self.new})
        )
