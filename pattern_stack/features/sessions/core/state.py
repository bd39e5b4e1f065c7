"""What a session is: all of it that outlives its instance. No IO."""

from datetime import datetime
from typing import NamedTuple

from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.saved_form import Project

RESULT_SECONDS = 300.0
"""So long the result of a call with an X-Command-Id is kept,"""
RESULTS = 1_000
"""and of so many such calls of one session."""
NODE_BYTES = 4_096
"""A longer node is not kept in a result: a repeat is answered with the node as it is then."""


class Outcome(NamedTuple):
    """The result of a command, an undo or a redo. It does not change with the session."""

    command_id: str
    node_id: str | None
    node_json: bytes | None
    """The node with `node_id` as JSON, where there is one and it is still there."""
    graph: bytes | None
    """The graph as JSON, where it was asked for."""
    undo_available: bool
    redo_available: bool


class SessionState:
    """A session's document, and what belongs to it."""

    __slots__ = ("created_at", "document", "last_activity", "members", "owner", "project", "results")

    def __init__(self, created_at: datetime, document: Document, owner: str) -> None:
        self.created_at = created_at
        self.last_activity = created_at
        self.document = document
        self.project: Project | None = None
        self.owner = owner
        """The instance that keeps it in memory, and writes it anew where the store has lost it."""
        self.members: dict[str, set[str]] = {}
        """Its connections by instance, where instances share it."""
        self.results: dict[str, tuple[datetime, Outcome]] = {}
        """By X-Command-Id, the oldest first."""

    def remember(self, key: str, at: datetime, outcome: Outcome) -> None:
        """The result of the call with this X-Command-Id."""
        if outcome.node_json and len(outcome.node_json) > NODE_BYTES:
            outcome = outcome._replace(node_json=None)
        self.results[key] = (at, outcome)
        while self.results:
            first, (when, _) = next(iter(self.results.items()))
            if len(self.results) <= RESULTS and (at - when).total_seconds() <= RESULT_SECONDS:
                break
            del self.results[first]

    def result(self, key: str | None) -> Outcome | None:
        found = None if key is None else self.results.get(key)
        return found and found[1]
