"""A graph with its template's rules, and what was done to it: every change can be undone and redone. No IO."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import orjson

from pattern_stack.features.sessions.core.changes import Change, Create, Told
from pattern_stack.features.sessions.core.graph import MAX_LEVELS, MAX_NODES, NODE_BYTES, Graph, Node
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import GraphFull, InvalidParent, NothingToRedo, NothingToUndo

if TYPE_CHECKING:
    from pattern_stack.features.sessions.core.commands import Command

TOLD_NODES = 256
"""A command that changes more nodes is told as one graph-changed."""
UNDO_CHANGES = 250_000
"""Changes that can be undone, over all commands; past that the oldest commands can no longer be."""


class Done(NamedTuple):
    """A command that was carried out, undone or redone, and what clients are told of it."""

    command_id: str
    changes: Sequence[Change]
    """As they were at first, also where they were undone now."""
    told: Sequence[Told]

    @property
    def node_id(self) -> str | None:
        """Where it changed one node alone, that one."""
        return self.changes[0].node.id if len(self.changes) == 1 else None


class Document:
    """What the commands of one session work on. Nobody else changes the graph.

    `new_id` and `now` give ids and times as they are written on the wire.
    """

    __slots__ = ("_encoded", "_redo", "_remembered", "_undo", "graph", "new_id", "now", "template")

    def __init__(
        self,
        new_id: Callable[[], str],
        now: Callable[[], str],
        template: Template | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.graph = Graph() if graph is None else graph
        self.template = template
        self.new_id = new_id
        self.now = now
        self._undo: list[Done] = []
        self._redo: list[Done] = []
        self._remembered = 0
        self._encoded: bytes | None = None

    # -- commands

    def execute(self, command: "Command", command_id: str) -> Done:
        """Carry it out, or raise ServiceError and change nothing. What changes nothing is no step to undo."""
        changes = command.plan(self)
        done = Done(command_id, changes, self._apply(changes))
        if changes:
            self._redo.clear()
            self._remember(done)
        return done

    def undo(self) -> Done:
        if not self._undo:
            raise NothingToUndo("there is nothing to undo")
        step = self._undo.pop()
        self._remembered -= len(step.changes)
        self._redo.append(step)
        return step._replace(told=self._apply([change.inverse() for change in reversed(step.changes)]))

    def redo(self) -> Done:
        if not self._redo:
            raise NothingToRedo("there is nothing to redo")
        step = self._redo.pop()
        self._remember(step)
        return step._replace(told=self._apply(step.changes))

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def _remember(self, step: Done) -> None:
        self._undo.append(step._replace(told=()))
        self._remembered += len(step.changes)
        while self._remembered > UNDO_CHANGES and len(self._undo) > 1:
            self._remembered -= len(self._undo.pop(0).changes)

    def _apply(self, changes: Sequence[Change]) -> list[Told]:
        self._encoded = None
        if len(changes) > TOLD_NODES:
            for change in changes:
                change.apply(self.graph)
            return [("graph-changed", {})]
        told = []
        for change in changes:
            change.apply(self.graph)
            told.append(change.told(self.type_name))
        return told

    # -- what is no command

    def with_root(self, template: Template, name: str) -> "Document":
        """One that has this template, and beside these nodes a root of its first type. This one stays as it is."""
        self.check_covers(template)
        self.check_room(1)
        graph = Graph()
        graph.nodes, graph.roots = self.graph.nodes.copy(), self.graph.roots.copy()
        other = Document(self.new_id, self.now, template, graph)
        Create(other.new_node(template.node_types[0].id, name), None, len(graph.roots)).apply(graph)
        return other

    def use(self, template: Template) -> None:
        """From here on its rules hold, and nothing of before can be undone. InvalidParent where it lacks a type in use."""
        self.check_covers(template)
        self.template = template
        self._undo.clear()
        self._redo.clear()
        self._remembered = 0

    # -- what commands ask

    def new_node(self, type_id: str, name: str) -> Node:
        """Of its type's defaults. InvalidCommand where the template has no such type."""
        properties = self.template.type(type_id).defaults if self.template else {}
        return Node(self.new_id(), type_id, name, self.now(), properties)

    def type_name(self, type_id: str) -> str:
        """Without a template a type is called by its id."""
        return self.template.type(type_id).name if self.template else type_id

    def check_covers(self, template: Template) -> None:
        missing = {
            node.blueprint_type_id for node in self.graph.nodes.values() if not template.has(node.blueprint_type_id)
        }
        if missing:
            told = ", ".join(islice(sorted(missing), 3))
            raise InvalidParent(f"the template {template.id} lacks types that are in use: {told:.200}")

    def check_place(self, parent_id: str | None, type_ids: set[str], levels: int) -> None:
        """Whether nodes of these types, with so many levels from them downward, may stand under this parent."""
        if self.graph.depth(parent_id) + levels > MAX_LEVELS:
            raise InvalidParent(f"a graph is at most {MAX_LEVELS} levels deep")
        if parent_id is None or self.template is None:
            return
        parent = self.template.type(self.graph.node(parent_id).blueprint_type_id)
        if wrong := type_ids - set(parent.allowed_children):
            raise InvalidParent(f"a {parent.id} takes no {min(wrong):.80} under it")

    def check_room(self, nodes: int) -> None:
        if len(self.graph) + nodes > MAX_NODES:
            raise GraphFull(f"a graph has at most {MAX_NODES} nodes")

    def check_copies(self, nodes: Sequence[Node]) -> None:
        """Whether there may be one more of each: a few small kits would make gigabytes of one big value."""
        self.check_room(len(nodes))
        copied = sum(len(orjson.dumps(node.fields())) for node in nodes)
        if copied > NODE_BYTES * len(nodes) and len(self.encoded_tree) + copied > NODE_BYTES * MAX_NODES:
            raise GraphFull(f"with this kit a graph has at most {NODE_BYTES * MAX_NODES} bytes")

    # -- what is read

    @property
    def encoded_tree(self) -> bytes:
        """The graph's tree as JSON, made once for as long as nothing changes."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self.graph.tree())
        return self._encoded
