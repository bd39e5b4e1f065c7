"""A session's nodes: trees whose nodes have an order among their siblings. Plain data, without rules and without IO."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pattern_stack.features.sessions.errors import NodeNotFound

MAX_LEVELS = 100
MAX_NODES = 50_000
"""A graph this big is copied, encoded and published within tenths of a second; nobody else is held up for longer."""
NODE_BYTES = 1024
"""As JSON. Nodes may be bigger, but kits of bigger ones end where the graph is as big as MAX_NODES of these."""


@dataclass(slots=True)
class Node:
    """One node; `created_at` as it is written on the wire."""

    id: str
    blueprint_type_id: str
    name: str
    created_at: str
    properties: dict[str, Any] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    parent_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """As REST gives it, with its children as ids."""
        return {
            "id": self.id,
            "blueprint_type_id": self.blueprint_type_id,
            "name": self.name,
            "created_at": self.created_at,
            "properties": self.properties,
            "children": self.children,
            "parent_id": self.parent_id,
        }


class Graph:
    """Nodes by id, and the order of those without a parent. Nothing here walks more of it than it is asked for."""

    __slots__ = ("nodes", "roots")

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.roots: list[str] = []

    def __len__(self) -> int:
        return len(self.nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.roots, self.nodes) == (other.roots, other.nodes)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def node(self, node_id: str) -> Node:
        try:
            return self.nodes[node_id]
        except KeyError:
            raise NodeNotFound(f"there is no node {node_id!r:.80} here") from None

    def siblings(self, parent_id: str | None) -> list[str]:
        """The ids under this parent, or the roots, in their order."""
        return self.roots if parent_id is None else self.nodes[parent_id].children

    # -- changes

    def insert(self, node: Node, parent_id: str | None, index: int) -> None:
        """A node without children takes this place."""
        self.nodes[node.id] = node
        self._place(node, parent_id, index)

    def remove(self, node: Node) -> None:
        """Of a node without children."""
        self._displace(node)
        del self.nodes[node.id]

    def move(self, node: Node, parent_id: str | None, index: int) -> None:
        """With all that is under it."""
        self._displace(node)
        self._place(node, parent_id, index)

    def _place(self, node: Node, parent_id: str | None, index: int) -> None:
        node.parent_id = parent_id
        self.siblings(parent_id).insert(index, node.id)

    def _displace(self, node: Node) -> None:
        siblings = self.siblings(node.parent_id)
        if siblings[-1] == node.id:  # as it mostly is where a subtree goes
            siblings.pop()
        else:
            siblings.remove(node.id)

    # -- looks

    def depth(self, node_id: str | None) -> int:
        """The levels down to this node: a root's is 1, that of no node 0."""
        return sum(1 for _ in self.ancestry(node_id))

    def ancestry(self, node_id: str | None) -> Iterator[str]:
        """The node itself, its parent, and so on up to its root."""
        while node_id is not None:
            yield node_id
            node_id = self.nodes[node_id].parent_id

    def height(self, node_ids: list[str]) -> int:
        """The levels that these siblings and what is under them take."""
        levels = 0
        while node_ids:
            levels += 1
            node_ids = [child for node_id in node_ids for child in self.nodes[node_id].children]
        return levels

    def subtree(self, node_id: str) -> list[Node]:
        """The node and all that is under it, parents first, siblings in their order."""
        return self._parents_first([node_id])

    def in_order(self) -> list[Node]:
        """Every node, parents first, siblings in their order."""
        return self._parents_first(self.roots)

    def _parents_first(self, node_ids: list[str]) -> list[Node]:
        found, waiting = [], node_ids[::-1]
        while waiting:
            node = self.nodes[waiting.pop()]
            found.append(node)
            waiting.extend(reversed(node.children))
        return found

    def tree(self) -> dict[str, Any]:
        """{"roots": [...]}, each node with its children in it, ready to be encoded. It shares values with the graph."""
        return {"roots": [self._branch(node_id) for node_id in self.roots]}

    def _branch(self, node_id: str) -> dict[str, Any]:
        node = self.nodes[node_id]
        return {**node.fields(), "children": [self._branch(child) for child in node.children]}
