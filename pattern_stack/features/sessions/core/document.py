"""A graph with its template's rules, its undo stack and its redo stack. No IO."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from pattern_stack.atoms.steps import Steps
from pattern_stack.features.sessions.core.changes import EventData, GraphChange, InsertNode
from pattern_stack.features.sessions.core.graph import Graph, Node
from pattern_stack.features.sessions.core.limits import (
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    MAX_LEVELS,
    MAX_NODES,
    SessionLimits,
)
from pattern_stack.features.sessions.core.pieces import PIECE
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import GraphFull, InvalidParent, NodeFull, NothingToRedo, NothingToUndo

GRAPH_CHANGED: EventData = ("graph-changed", {})
"""Stands for events that are too many or too big: clients ask for a snapshot."""


class Executed(NamedTuple):
    """A command that was carried out, undone or redone, and its events."""

    command_id: str
    changes: Sequence[GraphChange]
    """Those of the command, also where they were undone now."""
    size: int
    """Bytes that they count while they can be undone or redone."""
    events: Sequence[EventData]

    @property
    def node_id(self) -> str | None:
        """The node, where the command changed one node alone."""
        return self.changes[0].node.id if len(self.changes) == 1 else None


class Document:
    """A session's graph, its template and its undo stack. The graph is changed through it alone.

    A method that returns Steps is one piece of work: nothing else reads or changes the document until its last step.
    `new_id` and `now` give ids and times as they are written on the wire.
    """

    __slots__ = (
        "_encoded",
        "_redo",
        "_redo_size",
        "_undo",
        "_undo_size",
        "graph",
        "limits",
        "new_id",
        "now",
        "template",
    )

    def __init__(
        self,
        new_id: Callable[[], str],
        now: Callable[[], str],
        limits: SessionLimits,
        template: Template | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.graph = Graph() if graph is None else graph
        self.template = template
        self.new_id = new_id
        self.now = now
        self.limits = limits
        self._undo: list[Executed] = []
        self._redo: list[Executed] = []
        self._undo_size = self._redo_size = 0
        self._encoded: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes that the graph, the undo stack and the redo stack count."""
        return self.graph.size + self._undo_size + self._redo_size

    # -- commands

    def apply(self, changes: Sequence[GraphChange], command_id: str) -> Steps[Executed]:
        """Apply what a command has planned, in its order. Without a change it is no step to undo."""
        events = yield from self._apply(changes, len(changes))
        size = yield from _size(changes)
        executed = Executed(command_id, changes, size, events)
        if changes:
            self._redo.clear()
            self._redo_size = 0
            self._remember(executed)
        return executed

    def undo(self) -> Steps[Executed]:
        """Take back the last command. Raises NothingToUndo."""
        if not self._undo:
            raise NothingToUndo("there is nothing to undo")
        step = self._undo.pop()
        self._undo_size -= step.size
        self._redo.append(step)
        self._redo_size += step.size
        events = yield from self._apply((one.inverse() for one in reversed(step.changes)), len(step.changes))
        return step._replace(events=events)

    def redo(self) -> Steps[Executed]:
        """Carry out again what was undone last. Raises NothingToRedo."""
        if not self._redo:
            raise NothingToRedo("there is nothing to redo")
        step = self._redo.pop()
        self._redo_size -= step.size
        self._remember(step)
        events = yield from self._apply(step.changes, len(step.changes))
        return step._replace(events=events)

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    @property
    def stacks(self) -> tuple[list[Executed], list[Executed]]:
        """What can be undone and what can be redone, the newest last: copies."""
        return self._undo.copy(), self._redo.copy()

    @property
    def tops(self) -> tuple[Executed | None, Executed | None]:
        """What would be undone, and what would be redone next."""
        undo, redo = (stack[-1] if stack else None for stack in (self._undo, self._redo))
        return undo, redo

    def restore(self, undo: list[Executed], redo: list[Executed]) -> None:
        """From here on this can be undone, and this redone."""
        self._undo, self._redo = undo, redo
        self._undo_size, self._redo_size = (sum(step.size for step in stack) for stack in (undo, redo))

    def take_back(self, changes: Sequence[GraphChange], stacks: tuple[list[Executed], list[Executed]]) -> Steps[None]:
        """As if these changes, the last ones, had not been applied; `stacks` are those from before them."""
        yield from self._apply((one.inverse() for one in reversed(changes)), len(changes))
        self.restore(*stacks)

    def _remember(self, step: Executed) -> None:
        self._undo.append(step._replace(events=()))
        self._undo_size += step.size
        while self._undo_size > self.limits.undo_bytes and len(self._undo) > 1:
            self._undo_size -= self._undo.pop(0).size

    def _apply(self, changes: Iterable[GraphChange], count: int) -> Steps[Sequence[EventData]]:
        self._encoded = None
        if count <= MAX_EVENTS:
            changes = list(changes)
            if sum(change.event_size for change in changes) <= MAX_EVENT_BYTES:
                return [self._apply_one(change) for change in changes]
        for number, change in enumerate(changes, 1):
            change.apply(self.graph)
            if number % PIECE == 0:
                yield
        return [GRAPH_CHANGED]

    def _apply_one(self, change: GraphChange) -> EventData:
        change.apply(self.graph)
        return change.event(self.type_name)

    # -- what is no command

    def with_root(self, template: Template, name: str) -> "Document":
        """Another document with this template, and with a root of its first type beside these nodes. Its nodes are shared.

        Raises InvalidParent, where the template lacks a type in use, and GraphFull.
        """
        self.check_covers(template)
        other = Document(self.new_id, self.now, self.limits, template, self.graph.copy())
        root = other.new_node(template.node_types[0].id, name)
        other.check_room(1, root.size)
        InsertNode(root, None, len(other.graph.roots)).apply(other.graph)
        return other

    def with_template(self, template: Template) -> "Document":
        """Another document of this graph: its rules hold there, and nothing that was done before can be undone.

        Raises InvalidParent, where it lacks a type in use.
        """
        self.check_covers(template)
        return Document(self.new_id, self.now, self.limits, template, self.graph)

    # -- what commands ask

    def new_node(self, type_id: str, name: str) -> Node:
        """A node with its type's defaults. Raises InvalidCommand where the template has no such type."""
        properties = self.template.type(type_id).defaults if self.template else {}
        return Node(self.new_id(), type_id, name, self.now(), properties)

    def type_name(self, type_id: str) -> str:
        """Without a template a type's name is its id."""
        return self.template.type(type_id).name if self.template else type_id

    def check_covers(self, template: Template) -> None:
        """Raises InvalidParent where the template lacks a type in use."""
        missing = {type_id for type_id in self.graph.types if not template.has(type_id)}
        if missing:
            named = ", ".join(islice(sorted(missing), 3))
            raise InvalidParent(f"the template {template.id} lacks types that are in use: {named:.200}")

    def check_place(self, parent_id: str | None, type_ids: set[str], levels: int) -> None:
        """Whether nodes of these types may stand under this parent, and have so many levels from there downward.

        Raises InvalidParent.
        """
        check_levels(self.graph.depth(parent_id) + levels)
        if parent_id is None or self.template is None:
            return
        parent = self.template.type(self.graph.node(parent_id).blueprint_type_id)
        if wrong := type_ids - set(parent.allowed_children):
            raise InvalidParent(f"a {parent.id} takes no {min(wrong):.80} under it")

    def check_room(self, nodes: int, size: int) -> None:
        """Whether so many nodes more, of so many bytes together, have room. Raises GraphFull."""
        if len(self.graph) + nodes > MAX_NODES:
            raise GraphFull(f"a graph has at most {MAX_NODES} nodes")
        if self.graph.size + size > self.limits.graph_bytes:
            raise GraphFull(f"a graph has at most {self.limits.graph_bytes} bytes")

    def check_growth(self, node: Node, growth: int) -> None:
        """Whether the node may have so many bytes more. It may always shrink. Raises NodeFull and GraphFull."""
        if growth <= 0:
            return
        if node.size + growth > self.limits.node_bytes:
            raise NodeFull(f"a node has at most {self.limits.node_bytes} bytes")
        self.check_room(0, growth)

    # -- what is read

    def encode(self) -> Steps[bytes]:
        """The graph's tree as JSON, made once for as long as nothing changes."""
        if self._encoded is None:
            self._encoded = yield from self.graph.encode()
        return self._encoded


def _size(changes: Sequence[GraphChange]) -> Steps[int]:
    size = 0
    for number, change in enumerate(changes, 1):
        size += change.size
        if number % PIECE == 0:
            yield
    return size


def check_levels(levels: int) -> None:
    """Raises InvalidParent."""
    if levels > MAX_LEVELS:
        raise InvalidParent(f"a graph is at most {MAX_LEVELS} levels deep")
