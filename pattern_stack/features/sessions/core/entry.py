"""One entry of a session's journal: a step of everything that happens to it. No IO."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from pattern_stack.atoms.clock import iso
from pattern_stack.atoms.steps import Steps
from pattern_stack.features.sessions.core.changes import GraphChange
from pattern_stack.features.sessions.core.state import NODE_BYTES, Outcome, SessionState
from pattern_stack.features.sessions.core.written import read, write_new

Kind = Literal["execute", "undo", "redo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happens in one step; each field may be left out."""

    at: datetime | None = None
    """It counts as activity, at this time."""
    kind: Kind | None = None
    """What happens to the graph."""
    command_id: str = ""
    changes: Sequence[GraphChange] = ()
    """Of a command that is executed."""
    key: str | None = None
    """The X-Command-Id, and `result` what the call is answered with. `at` is there, too."""
    result: Outcome | None = None
    members: Mapping[str, tuple[Sequence[str], Sequence[str]]] = field(default_factory=dict)
    """By instance: connections that have come, and that have gone."""
    gone: Sequence[str] = ()
    """Instances that have gone, with all their connections."""
    owner: str | None = None
    detaches: bool = False
    """The session has no project from here on."""

    def encode(self) -> bytes:
        """Right after its changes were applied."""
        parts = {
            "at": self.at and iso(self.at),
            "kind": self.kind,
            "command_id": self.command_id,
            "changes": [write_new(change) for change in self.changes],
            "key": self.key,
            "result": self.result and write_outcome(self.result),
            "members": {instance: [list(come), list(left)] for instance, (come, left) in self.members.items()},
            "gone": list(self.gone),
            "owner": self.owner,
            "detaches": self.detaches,
        }
        return orjson.dumps({name: part for name, part in parts.items() if part})

    def happen(self, state: SessionState) -> None:
        """All of it but what happens to the graph."""
        state.last_activity = self.at or state.last_activity
        if self.key is not None and self.result is not None and self.at:
            state.remember(self.key, self.at, self.result)
        for instance, (come, left) in self.members.items():
            there = state.members.setdefault(instance, set())
            there.update(come)
            there.difference_update(left)
            if not there:
                del state.members[instance]
        for instance in self.gone:
            state.members.pop(instance, None)
        state.owner = self.owner or state.owner
        if self.detaches:
            state.project = None


def fold(state: SessionState, encoded: bytes) -> Steps[None]:
    """What the entry says happens to this state."""
    parts: dict[str, Any] = orjson.loads(encoded)
    document, kind = state.document, parts.pop("kind", None)
    written = parts.pop("changes", [])
    if kind == "execute":
        changes = [read(one, document.graph.nodes) for one in written]
        yield from document.apply(changes, parts["command_id"])
    elif kind == "undo":
        yield from document.undo()
    elif kind == "redo":
        yield from document.redo()
    at, result = parts.pop("at", None), parts.pop("result", None)
    Entry(**parts, at=at and datetime.fromisoformat(at), result=result and read_outcome(result)).happen(state)


def write_outcome(outcome: Outcome) -> list[Any]:
    node = outcome.node_json if outcome.node_json and len(outcome.node_json) <= NODE_BYTES else None
    parts = (outcome.command_id, outcome.node_id, node and node.decode())
    return [*parts, outcome.undo_available, outcome.redo_available]


def read_outcome(written: list[Any]) -> Outcome:
    command_id, node_id, node, undo, redo = written
    return Outcome(command_id, node_id, node and node.encode(), None, undo, redo)
