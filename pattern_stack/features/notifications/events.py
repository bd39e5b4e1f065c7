"""The events of the channels, each with the type of its payload."""

from typing import Any, Final

from pydantic import BaseModel

from pattern_stack.atoms.broadcast.core.declared_events import Open
from pattern_stack.features.notifications.models import Alert, Notification, Progress, Run, SystemStatus


class Acknowledged(BaseModel):
    """A notification was acknowledged."""

    id: str


class SessionState(BaseModel):
    """What is known of a session. `progress` and `run` are null where there is none."""

    session_id: str
    progress: Progress | None
    run: Run | None


RECORDS: dict[str, Any] = {
    "notification": Notification,
    "notification-acknowledged": Acknowledged,
    "alert": Alert,
    "alert-resolved": Alert,
}
OF_ALL: Final = Open({**RECORDS, "system-status": SystemStatus})
"""On `notifications`."""
OF_SESSION: Final = Open(
    {
        **RECORDS,
        "progress-update": Progress,
        **dict.fromkeys(["session-started", "session-completed", "session-failed", "session-cancelled"], Run),
        "snapshot": SessionState,
    }
)
"""On `notifications:{session_id}`."""
