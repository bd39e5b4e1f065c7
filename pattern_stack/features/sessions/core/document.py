"""A graph with its template's rules, and what was done to it: every change can be undone and redone. No IO."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import orjson

from pattern_stack.features.sessions.core.changes import EventData, GraphChange, InsertNode
from pattern_stack.features.sessions.core.graph import MAX_LEVELS, MAX_NODES, NODE_BYTES, Graph, Node
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import GraphFull, InvalidParent, NothingToRedo, NothingToUndo

GRAPH_CHANGED: EventData = ("graph-changed", {})
"""Stands for events that are too many or too big: clients ask for a snapshot."""
MAX_EVENTS = 256
"""A command with more changes has GRAPH_CHANGED as its one event. A bigger graph is left out of events that carry one."""
UNDO_CHANGES = 250_000
"""Changes that can be undone, over all commands; past that the oldest commands can no longer be."""


class Executed(NamedTuple):
    """A command that was carried out, undone or redone, and its events."""

    command_id: str
    changes: Sequence[GraphChange]
    """Those of the command, also where they were undone now."""
    events: Sequence[EventData]

    @property
    def node_id(self) -> str | None:
        """The node, where the command changed one node alone."""
        return self.changes[0].node.id if len(self.changes) == 1 else None


class Document:
    """A session's graph, its template and its undo stack. The graph is changed through it alone.

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
        self._undo: list[Executed] = []
        self._redo: list[Executed] = []
        self._remembered = 0
        self._encoded: bytes | None = None

    # -- commands

    def apply(self, changes: Sequence[GraphChange], command_id: str) -> Executed:
        """Apply what a command's `plan` returned, in its order. Without a change it is no step to undo."""
        executed = Executed(command_id, changes, self._apply(changes))
        if changes:
            self._redo.clear()
            self._remember(executed)
        return executed

    def undo(self) -> Executed:
        """Raises NothingToUndo."""
        if not self._undo:
            raise NothingToUndo("there is nothing to undo")
        step = self._undo.pop()
        self._remembered -= len(step.changes)
        self._redo.append(step)
        return step._replace(events=self._apply([change.inverse() for change in reversed(step.changes)]))

    def redo(self) -> Executed:
        """Raises NothingToRedo."""
        if not self._redo:
            raise NothingToRedo("there is nothing to redo")
        step = self._redo.pop()
        self._remember(step)
        return step._replace(events=self._apply(step.changes))

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def _remember(self, step: Executed) -> None:
        self._undo.append(step._replace(events=()))
        self._remembered += len(step.changes)
        while self._remembered > UNDO_CHANGES and len(self._undo) > 1:
            self._remembered -= len(self._undo.pop(0).changes)

    def _apply(self, changes: Sequence[GraphChange]) -> list[EventData]:
        self._encoded = None
        if len(changes) > MAX_EVENTS:
            for change in changes:
                change.apply(self.graph)
            return [GRAPH_CHANGED]
        events = []
        for change in changes:
            change.apply(self.graph)
            events.append(change.event(self.type_name))
        return events

    # -- what is no command

    def with_root(self, template: Template, name: str) -> "Document":
        """Another document with this template, and with a root of its first type beside these nodes. Its nodes are shared.

        Raises InvalidParent, where the template lacks a type in use, and GraphFull.
        """
        self.check_covers(template)
        self.check_room(1)
        graph = Graph()
        graph.nodes, graph.roots = self.graph.nodes.copy(), self.graph.roots.copy()
        other = Document(self.new_id, self.now, template, graph)
        InsertNode(other.new_node(template.node_types[0].id, name), None, len(graph.roots)).apply(graph)
        return other

    def use_template(self, template: Template) -> None:
        """Its rules hold from here on, and nothing that was done before can be undone.

        Raises InvalidParent, where it lacks a type in use.
        """
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
            named = ", ".join(islice(sorted(missing), 3))
            raise InvalidParent(f"the template {template.id} lacks types that are in use: {named:.200}")

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
