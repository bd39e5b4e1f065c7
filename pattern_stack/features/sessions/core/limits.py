"""Every bound of sessions, in one frozen place."""

from dataclasses import dataclass

from pattern_stack.atoms.bounds import check_bounds

MAX_LEVELS = 100
"""How deep a graph may be."""
MAX_NODES = 50_000
"""How many nodes a graph may have."""
MAX_EVENTS = 256
"""Changes of one command that have an event each; more have one `graph-changed` together."""
MAX_EVENT_BYTES = 512 * 1024
"""The same for what those events may carry together, and for a graph that an event carries: half of what may wait for a
client, so that one command closes no connection that reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What may be held in memory. Bytes are those of `graph.weight`: JSON, and what it takes in memory beyond that."""

    sessions: int
    """Live sessions. One more raises TooManySessions."""
    total_bytes: int
    """Graphs and undo stacks of all sessions. While they have more, what adds to them raises SessionsFull."""
    graph_bytes: int
    """The nodes of one session. More raises GraphFull."""
    node_bytes: int
    """One node with its properties. More raises NodeFull."""
    undo_bytes: int
    """What one session can undo and redo. Past it the oldest commands can no longer be undone; the last one always can."""

    def __post_init__(self) -> None:
        """Raises TypeError for what is no number, ValueError for one below 0 or a fraction."""
        check_bounds(self)
