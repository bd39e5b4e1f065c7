"""The commands that change a graph. Each says what it takes, and plans the changes that it comes to.

A new one is a class here, and nothing else: its name is its `command_type`.
"""

from abc import ABC, abstractmethod
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
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.graph import Node
from pattern_stack.features.sessions.errors import InvalidCommand, InvalidParent


def canonical(id: object) -> object:
    """However a uuid is written, it is one id; what is none stays as it is, and names nothing."""
    try:
        return str(UUID(str(id))) if isinstance(id, str | UUID) else id
    except ValueError:
        return id


EXAMPLE_ID = "2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11"

Key = Annotated[str, BeforeValidator(canonical), Field(max_length=200, examples=[EXAMPLE_ID])]
Name = Annotated[str, Field(min_length=1, max_length=1000, examples=["Brakes"])]
TypeId = Annotated[str, Field(min_length=1, max_length=200, examples=["task"])]
PropertyId = Annotated[str, Field(min_length=1, max_length=200, examples=["status"])]

PropertyValue = Annotated[Value, Field(examples=["2026-11-21"])]


class Command(BaseModel, ABC):
    """Validated when it is made. Planning changes nothing, and raises ServiceError where the graph does not allow it."""

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
    def plan(self, document: Document) -> list[GraphChange]:
        """The changes, in an order in which they can be applied; none where everything is as it should be already."""


class CreateNode(Command):
    """A node without children, the last under its parent or of the roots."""

    blueprint_type_id: TypeId
    name: Name
    parent_id: Key | None = Field(None, examples=[EXAMPLE_ID])

    def plan(self, document: Document) -> list[GraphChange]:
        if self.parent_id is not None:
            document.graph.node(self.parent_id)
        node = document.new_node(self.blueprint_type_id, self.name)
        document.check_place(self.parent_id, {self.blueprint_type_id}, 1)
        document.check_room(1)
        return [InsertNode(node, self.parent_id, len(document.graph.siblings(self.parent_id)))]


class DeleteNode(Command):
    """A node and all that is under it."""

    node_id: Key

    def plan(self, document: Document) -> list[GraphChange]:
        graph = document.graph
        top = graph.node(self.node_id)
        places = {self.node_id: graph.siblings(top.parent_id).index(self.node_id)}
        subtree = graph.subtree(self.node_id)
        for node in subtree:
            places.update(zip(node.children, range(len(node.children)), strict=True))
        # the reverse of parents first: each is without children, and the last of its siblings, when it goes
        return [RemoveNode(node, node.parent_id, places[node.id]) for node in reversed(subtree)]


class LinkNode(Command):
    """A root becomes the last child of a node, with all that is under it."""

    parent_id: Key
    child_id: Key

    def plan(self, document: Document) -> list[GraphChange]:
        graph = document.graph
        parent, child = graph.node(self.parent_id), graph.node(self.child_id)
        if child.parent_id is not None:
            raise InvalidParent(f"{child.id} has a parent already")
        if child.id in graph.ancestry(parent.id):
            raise InvalidParent(f"{child.id} would be under itself")
        document.check_place(parent.id, {child.blueprint_type_id}, graph.height([child.id]))
        return [AttachNode(child, parent.id, len(parent.children), graph.roots.index(child.id))]


class UnlinkNode(Command):
    """A child becomes the last root, with all that is under it."""

    parent_id: Key
    child_id: Key

    def plan(self, document: Document) -> list[GraphChange]:
        graph = document.graph
        parent, child = graph.node(self.parent_id), graph.node(self.child_id)
        if child.parent_id != parent.id:
            raise InvalidParent(f"{child.id} is not under {parent.id}")
        return [DetachNode(child, parent.id, parent.children.index(child.id), len(graph.roots))]


class UpdateProperty(Command):
    """One value of a node. Without a template it may be any JSON."""

    node_id: Key
    property_id: PropertyId
    value: PropertyValue

    @property
    def subject_id(self) -> str:
        return self.node_id

    def plan(self, document: Document) -> list[GraphChange]:
        node = document.graph.node(self.node_id)
        if document.template:
            document.template.type(node.blueprint_type_id).check(self.property_id, self.value)
        old = node.properties.get(self.property_id, UNSET)
        if old is not UNSET and orjson.dumps(old) == orjson.dumps(self.value):  # for Python, 1 is True
            return []
        return [SetProperty(node, self.property_id, old, self.value)]


class ApplyKit(Command):
    """What is under the kit's root is cloned, with new ids, to the end of what is under the target."""

    target_id: Key
    kit_root_id: Key

    def plan(self, document: Document) -> list[GraphChange]:
        graph = document.graph
        target, kit = graph.node(self.target_id), graph.node(self.kit_root_id)
        originals = graph.subtree(kit.id)[1:]
        types = {graph.node(child).blueprint_type_id for child in kit.children}
        document.check_place(target.id, types, graph.height(kit.children))
        document.check_copies(originals)
        return self._clones(document, originals, target)

    def _clones(self, document: Document, originals: list[Node], target: Node) -> list[GraphChange]:
        now = document.now()
        ids = {self.kit_root_id: self.target_id}
        places = {self.target_id: len(target.children)}
        changes: list[GraphChange] = []
        for one in originals:
            assert one.parent_id is not None
            parent_id = ids[one.parent_id]
            ids[one.id] = new_id = document.new_id()
            clone = Node(new_id, one.blueprint_type_id, one.name, now, one.properties.copy())
            index = places.get(parent_id, 0)
            places[parent_id] = index + 1
            changes.append(InsertNode(clone, parent_id, index))
        return changes
