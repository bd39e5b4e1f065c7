"""A session's nodes: trees whose nodes have an order among their siblings. Plain data, without rules and without IO."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from pattern_stack.atoms.steps import Steps
from pattern_stack.features.sessions.core.pieces import Pieces
from pattern_stack.features.sessions.errors import NodeNotFound

_NODE_BYTES = 512
_VALUE_BYTES = 48


def weight(value: object) -> int:
    """Bytes of a JSON value, as JSON; a value inside a list or an object counts 48 more, about what it takes in memory."""
    size = len(orjson.dumps(value))
    if isinstance(value, dict | list):
        level: list[Any] = [value]
        while level := [inner for one in level for inner in _values_in(one)]:
            size += _VALUE_BYTES * len(level)
    return size


def _values_in(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def property_size(property_id: str, value: object) -> int:
    """Bytes that a property counts in its node."""
    return weight(property_id) + weight(value)


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
    size: int = field(default=0, compare=False)
    """Bytes that it counts: 512, and the `weight` of its name and of each property."""

    def __post_init__(self) -> None:
        if not self.size:
            properties = sum(property_size(*one) for one in self.properties.items())
            self.size = _NODE_BYTES + weight(self.name) + properties

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
    """Nodes by id, and the order of those without a parent."""

    __slots__ = ("nodes", "roots", "size", "types")

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.roots: list[str] = []
        self.size = 0
        """Bytes that its nodes count together."""
        self.types: Counter[str] = Counter()
        """How many nodes there are of each type."""

    def __len__(self) -> int:
        return len(self.nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.roots, self.nodes) == (other.roots, other.nodes)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def copy(self) -> "Graph":
        """Another graph of the same nodes: a node that is added to the one is not in the other."""
        other = Graph()
        other.nodes, other.roots, other.types = self.nodes.copy(), self.roots.copy(), self.types.copy()
        other.size = self.size
        return other

    def node(self, node_id: str) -> Node:
        """Raises NodeNotFound."""
        try:
            return self.nodes[node_id]
        except KeyError:
            raise NodeNotFound(f"there is no node {node_id!r:.80} here") from None

    def siblings(self, parent_id: str | None) -> list[str]:
        """The ids under this parent, or the roots, in their order."""
        return self.roots if parent_id is None else self.nodes[parent_id].children

    # -- changes

    def add(self, node: Node) -> None:
        """The node counts. Its place among its siblings is the caller's part."""
        self.nodes[node.id] = node
        self.size += node.size
        self.types[node.blueprint_type_id] += 1

    def insert(self, node: Node, parent_id: str | None, index: int) -> None:
        """Put a node without children at this place."""
        self.add(node)
        self._place(node, parent_id, index)

    def remove(self, node: Node) -> None:
        """Take out a node without children."""
        self._displace(node)
        del self.nodes[node.id]
        self.size -= node.size
        self.types[node.blueprint_type_id] -= 1
        if not self.types[node.blueprint_type_id]:
            del self.types[node.blueprint_type_id]

    def move(self, node: Node, parent_id: str | None, index: int) -> None:
        """Put the node at this place, with all that is under it."""
        self._displace(node)
        self._place(node, parent_id, index)

    def resize(self, node: Node, growth: int) -> None:
        """The node counts so many bytes more."""
        node.size += growth
        self.size += growth

    def _place(self, node: Node, parent_id: str | None, index: int) -> None:
        node.parent_id = parent_id
        self.siblings(parent_id).insert(index, node.id)

    def _displace(self, node: Node) -> None:
        siblings = self.siblings(node.parent_id)
        if siblings[-1] == node.id:  # as it mostly is where a subtree is removed
            siblings.pop()
        else:
            siblings.remove(node.id)

    # -- looks

    def depth(self, node_id: str | None) -> int:
        """The levels down to this node: a root's is 1, that of no node 0."""
        return sum(1 for _ in self.path_to_root(node_id))

    def path_to_root(self, node_id: str | None) -> Iterator[str]:
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

    def parents_first(self, node_ids: list[str]) -> Iterator[Node]:
        """These nodes and all that is under them, each before its children, siblings in their order."""
        waiting = node_ids[::-1]
        while waiting:
            node = self.nodes[waiting.pop()]
            yield node
            waiting.extend(reversed(node.children))

    def children_first(self, node_id: str) -> Iterator[tuple[Node, int]]:
        """The reverse for one node: each after its children, with its place among its siblings, the last sibling first."""
        top = self.nodes[node_id]
        path = [(top, self.siblings(top.parent_id).index(node_id), len(top.children))]
        while path:
            node, index, left = path.pop()
            if left:
                child = self.nodes[node.children[left - 1]]
                path += [(node, index, left - 1), (child, left - 1, len(child.children))]
            else:
                yield node, index

    # -- as JSON

    def encode(self) -> Steps[bytes]:
        """The JSON {"roots": [...]}, where each node contains its children."""
        pieces = Pieces()
        for part in self._parts():
            if pieces.add(part):
                yield
        return pieces.joined()

    def _parts(self) -> Iterator[bytes]:
        yield b'{"roots":['
        path = [(iter(self.roots), b"]}")]
        comma = b""
        while path:
            siblings, end = path[-1]
            node_id = next(siblings, None)
            if node_id is None:
                yield end
                path.pop()
                comma = b","
            else:
                node = self.nodes[node_id]
                yield comma + _opening(node)
                path.append((iter(node.children), b'],"parent_id":%b}' % orjson.dumps(node.parent_id)))
                comma = b""


def _opening(node: Node) -> bytes:
    """The node as JSON up to its first child."""
    fields = node.fields()
    del fields["children"], fields["parent_id"]
    return orjson.dumps(fields)[:-1] + b',"children":['
