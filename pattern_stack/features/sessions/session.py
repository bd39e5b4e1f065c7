"""One session: who is on it, when it was last used, and what is edited in it."""

import asyncio
from datetime import datetime

from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.models import SessionInfo, SessionSummary


class Session:
    """Only the hub's loop touches it. `turn` is held by whatever changes it, so that commands run one at a time; where
    nobody holds it, taking it does not wait."""

    __slots__ = ("clients", "closed", "created_at", "document", "id", "last_activity", "project", "turn")

    def __init__(self, id: str, now: datetime, document: Document) -> None:
        self.id = id
        self.created_at = now
        self.last_activity = now
        self.document = document
        self.project: Project | None = None
        self.clients: set[str] = set()
        """Ids of the connections that are subscribed."""
        self.closed = False
        self.turn = asyncio.Lock()

    @property
    def channel(self) -> str:
        return f"session:{self.id}"

    @property
    def in_use(self) -> bool:
        """Somebody is on it, or a change is under way, which may wait for the store."""
        return bool(self.clients) or self.turn.locked()

    def check_open(self) -> None:
        """Asked again after every wait: it may have been closed meanwhile."""
        if self.closed:
            raise SessionNotFound(f"the session {self.id} was closed")

    @property
    def summary(self) -> SessionSummary:
        return SessionSummary(
            session_id=self.id,
            created_at=self.created_at,
            last_activity=self.last_activity,
            active_clients=len(self.clients),
            has_project=self.project is not None,
        )

    @property
    def info(self) -> SessionInfo:
        template = self.document.template
        return SessionInfo(
            **dict(self.summary),
            project_id=self.project.project_id if self.project else None,
            template_id=template.id if template else None,
            undo_available=self.document.can_undo,
            redo_available=self.document.can_redo,
            node_count=len(self.document.graph),
        )
