"""A session without its graph, as REST and snapshots show it."""

from pydantic import BaseModel

from pattern_stack.atoms.clock import Time


class SessionSummary(BaseModel):
    session_id: str
    created_at: Time
    last_activity: Time
    active_clients: int
    has_project: bool


class SessionInfo(SessionSummary):
    project_id: str | None
    template_id: str | None
    instance: str
    """The instance that owns the session now: any of them answers its calls."""
    undo_available: bool
    redo_available: bool
    node_count: int
