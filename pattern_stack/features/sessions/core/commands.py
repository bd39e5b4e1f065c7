"""The commands that change a graph. Each has its data as fields, and plans its changes.

A new one is a class here, and nothing else: its name is its `command_type`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pattern_stack.atoms.json import Value
from pattern_stack.features.sessions.core.changes import (
    UNSET,
    AttachNode,
    DetachNode,
    GraphChange,
    InsertNode,
    RemoveNode,
    SetProperty,
)
from pattern_stack.features.sessions.core.document import Document, check_levels
from pattern_stack.features.sessions.core.graph import Node, property_size
from pattern_stack.features.sessions.errors import InvalidCommand, InvalidParent


def canonical(id: object) -> object:
    """A uuid in its usual spelling, however it is written. What is no uuid stays as it is."""
    try:
        return str(UUID(str(id))) if isinstance(id, str | UUID) else id
    except ValueError:
        return id


EXAMPLE_ID = "2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11"

Uuid = Annotated[str, BeforeValidator(canonical), Field(max_length=200, examples=[EXAMPLE_ID])]
Name = Annotated[str, Field(min_length=1, max_length=1000, examples=["Brakes"])]
TypeId = Annotated[str, Field(min_length=1, max_length=200, examples=["task"])]
PropertyId = Annotated[str, Field(min_length=1, max_length=200, examples=["status"])]

PropertyValue = Annotated[Value, Field(examples=["2026-11-21"])]


class Command(BaseModel, ABC):
    """Validated when it is made: pydantic's ValidationError. Planning changes nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: ClassVar[dict[str, type["Command"]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        Command.types[cls.__name__] = cls

    @staticmethod
    def of(command_type: str, data: object) -> "Command":
        """The command of this type. Raises InvalidCommand where there is none, and pydantic's ValidationError."""
        if command_type not in Command.types:
            raise InvalidCommand(f"there is no command {command_type!r:.80}, only {', '.join(Command.types)}")
        return Command.types[command_type].model_validate(data)

    @property
    def type(self) -> str:
        return type(self).__name__

    @property
    def subject_id(self) -> str | None:
        """The node that its caller is answered with, also where nothing had to be changed."""
        return None

    @abstractmethod
    def plan(self, document: Document) -> Iterable[GraphChange]:
        """The changes, in an order in which they can be applied; none where nothing has to be changed.

        Nothing changes the graph while they are taken one after the other. Raises ServiceError where one of them is
        not allowed.
        """


class CreateNode(Command):
    """A node without children, the last under its parent or of the roots."""

    blueprint_type_id: TypeId
    name: Name
    parent_id: Uuid | None = Field(None, examples=[EXAMPLE_ID])

    def plan(self, document: Document) -> Iterator[GraphChange]:
        if self.parent_id is not None:
            document.graph.node(self.parent_id)
        node = document.new_node(self.blueprint_type_id, self.name)
        document.check_place(self.parent_id, {self.blueprint_type_id}, 1)
        document.check_room(1, node.size)
        yield InsertNode(node, self.parent_id, len(document.graph.siblings(self.parent_id)))


class DeleteNode(Command):
    """A node and all that is under it."""

    node_id: Uuid

    def plan(self, document: Document) -> Iterator[GraphChange]:
        document.graph.node(self.node_id)
        # children first: each is without children, and the last of its siblings, when it is removed
        for node, index in document.graph.children_first(self.node_id):
            yield RemoveNode(node, node.parent_id, index)


class LinkNode(Command):
    """A root becomes the last child of a node, with all that is under it."""

    parent_id: Uuid
    child_id: Uuid

    def plan(self, document: Document) -> Iterator[GraphChange]:
        graph = document.graph
        parent, child = graph.node(self.parent_id), graph.node(self.child_id)
        if child.parent_id is not None:
            raise InvalidParent(f"{child.id} has a parent already")
        if child.id in graph.path_to_root(parent.id):
            raise InvalidParent(f"{child.id} would be under itself")
        document.check_place(parent.id, {child.blueprint_type_id}, graph.height([child.id]))
        yield AttachNode(child, parent.id, len(parent.children), graph.roots.index(child.id))


class UnlinkNode(Command):
    """A child becomes the last root, with all that is under it."""

    parent_id: Uuid
    child_id: Uuid

    def plan(self, document: Document) -> Iterator[GraphChange]:
        graph = document.graph
        parent, child = graph.node(self.parent_id), graph.node(self.child_id)
        if child.parent_id != parent.id:
            raise InvalidParent(f"{child.id} is not under {parent.id}")
        yield DetachNode(child, parent.id, parent.children.index(child.id), len(graph.roots))


class UpdateProperty(Command):
    """One value of a node. Without a template it may be any JSON."""

    node_id: Uuid
    property_id: PropertyId
    value: PropertyValue

    @property
    def subject_id(self) -> str:
        return self.node_id

    def plan(self, document: Document) -> Iterator[GraphChange]:
        node = document.graph.node(self.node_id)
        if document.template:
            document.template.type(node.blueprint_type_id).check(self.property_id, self.value)
        old = node.properties.get(self.property_id, UNSET)
        if old is not UNSET and orjson.dumps(old) == orjson.dumps(self.value):  # for Python, 1 is True
            return
        old_size = 0 if old is UNSET else property_size(self.property_id, old)
        new_size = property_size(self.property_id, self.value)
        document.check_growth(node, new_size - old_size)
        yield SetProperty(node, self.property_id, old, self.value, old_size, new_size)


class ApplyKit(Command):
    """What is under the kit's root is cloned, with new ids, to the end of what is under the target."""

    target_id: Uuid
    kit_root_id: Uuid

    def plan(self, document: Document) -> Iterator[GraphChange]:
        graph = document.graph
        target, kit = graph.node(self.target_id), graph.node(self.kit_root_id)
        document.check_place(target.id, {graph.node(child).blueprint_type_id for child in kit.children}, 0)
        clones = _Clones(document, kit, target)
        for node in graph.parents_first(kit.children):
            yield clones.insert(node)


class _Clones:
    """Where the clones of a kit's nodes go, as far as they are planned. Raises InvalidParent and GraphFull."""

    def __init__(self, document: Document, kit: Node, target: Node) -> None:
        self._document = document
        self._now = document.now()
        self._ids = {kit.id: target.id}
        self._levels = {target.id: document.graph.depth(target.id)}
        self._places = {target.id: len(target.children)}
        self._nodes = self._size = 0

    def insert(self, node: Node) -> InsertNode:
        assert node.parent_id is not None
        parent_id = self._ids[node.parent_id]
        self._nodes, self._size = self._nodes + 1, self._size + node.size
        self._document.check_room(self._nodes, self._size)
        level = self._levels[parent_id] + 1
        check_levels(level)
        self._ids[node.id] = new_id = self._document.new_id()
        index = self._places.get(parent_id, 0)
        self._levels[new_id], self._places[parent_id] = level, index + 1
        properties = node.properties.copy()
        clone = Node(new_id, node.blueprint_type_id, node.name, self._now, properties, size=node.size)
        return InsertNode(clone, parent_id, index)
