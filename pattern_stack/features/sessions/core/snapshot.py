"""A session as a whole, as lines of JSON: the head, the nodes, and the commands that can be undone and redone. No IO."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson

from pattern_stack.atoms.clock import iso
from pattern_stack.atoms.steps import Steps
from pattern_stack.features.sessions.core.document import Document, Executed
from pattern_stack.features.sessions.core.entry import read_outcome, write_outcome
from pattern_stack.features.sessions.core.graph import Node
from pattern_stack.features.sessions.core.pieces import Pace, Pieces
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.core.written import read, write

VERSION = 1


def dump(state: SessionState) -> Steps[bytes]:
    """Nothing changes the state meanwhile."""
    pieces = Pieces()
    for line in _lines(state):
        if pieces.add(line + b"\n"):
            yield
    return pieces.joined()


def _lines(state: SessionState) -> Iterator[bytes]:
    document = state.document
    undo, redo = document.stacks
    nodes = document.graph.nodes
    yield orjson.dumps(_head(state, len(nodes)))
    for node in document.graph.parents_first(document.graph.roots):
        yield orjson.dumps(_node(node))
    others = {
        change.node.id: change.node for step in (*undo, *redo) for change in step.changes if change.node.id not in nodes
    }
    yield orjson.dumps([_node(node) for node in others.values()])
    yield from map(_step, undo)
    yield from map(_step, redo)


def _head(state: SessionState, nodes: int) -> dict[str, Any]:
    document = state.document
    undo, redo = document.stacks
    return {
        "version": VERSION,
        "created_at": iso(state.created_at),
        "last_activity": iso(state.last_activity),
        "owner": state.owner,
        "project": state.project and state.project.fields(),
        "template": document.template and document.template.model_dump(),
        "members": {instance: sorted(there) for instance, there in state.members.items()},
        "results": {key: [iso(at), write_outcome(outcome)] for key, (at, outcome) in state.results.items()},
        "roots": document.graph.roots,
        "counts": [nodes, len(undo), len(redo)],
    }


def _node(node: Node) -> list[Any]:
    about = [node.id, node.blueprint_type_id, node.name, node.created_at, node.properties]
    return [*about, node.children, node.parent_id]


def _step(step: Executed) -> bytes:
    return orjson.dumps([step.command_id, step.size, *map(write, step.changes)])


def load(snapshot: bytes, new_document: Callable[[], Document]) -> Steps[SessionState]:
    """What `dump` was given. Raises ValueError where another version has written it."""
    lines, pace = _split(snapshot), Pace()
    head: dict[str, Any] = orjson.loads(next(lines))
    if head["version"] != VERSION:
        raise ValueError(f"a snapshot of version {head['version']}, not {VERSION}")
    document = new_document()
    nodes, undo, redo = head["counts"]
    for _ in range(nodes):
        document.graph.add(node := Node(*orjson.loads(next(lines))))
        if pace.is_time_to_pause(node.size):
            yield
    document.graph.roots = head["roots"]
    document.template = head["template"] and Template.model_validate(head["template"])
    known = {**document.graph.nodes, **{one[0]: Node(*one) for one in orjson.loads(next(lines))}}
    steps = list[Executed]()
    for line in lines:
        command_id, size, *changes = orjson.loads(line)
        steps.append(Executed(command_id, [read(change, known) for change in changes], size, ()))
        if pace.is_time_to_pause(len(line)):
            yield
    document.restore(steps[:undo], steps[undo : undo + redo])
    return _state(head, document)


def _state(head: dict[str, Any], document: Document) -> SessionState:
    state = SessionState(datetime.fromisoformat(head["created_at"]), document, head["owner"])
    state.last_activity = datetime.fromisoformat(head["last_activity"])
    state.project = head["project"] and Project(**head["project"])
    state.members = {instance: set(there) for instance, there in head["members"].items()}
    state.results = {key: (datetime.fromisoformat(at), read_outcome(one)) for key, (at, one) in head["results"].items()}
    return state


def _split(text: bytes) -> Iterator[bytes]:
    """A line break is the end of a line: within JSON's strings it is escaped."""
    start = 0
    while (end := text.find(b"\n", start)) != -1:
        yield text[start:end]
        start = end + 1
