"""One session: its document, its project, its clients, and when it was used."""

import asyncio
from datetime import datetime

from pattern_stack.atoms.broadcast import Shared
from pattern_stack.features.sessions.core.attendance import Attendance
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.models import SessionInfo, SessionSummary


class Session:
    """Only the hub's loop touches it.

    `turn` is held by whatever changes it, so that commands run one at a time; its holder may wait for the store.
    `graph_lock` is held, within the turn or without it, while the graph is changed or read in several turns of the loop:
    its holder waits for nothing but those.
    """

    __slots__ = (
        *("_shared", "attendance", "closed", "created_at", "document", "graph_lock", "id", "last_activity"),
        *("project", "size", "turn"),
    )

    def __init__(self, id: str, now: datetime, document: Document) -> None:
        self.id = id
        self.created_at = now
        self.last_activity = now
        self.document = document
        self.project: Project | None = None
        self.attendance = Attendance()
        self.closed = False
        self.size = 0
        """Bytes of the document when the registry asked last."""
        self._shared: Shared | None = None
        self.turn = asyncio.Lock()
        self.graph_lock = asyncio.Lock()

    def shared(self, graph: bytes) -> Shared:
        """The encoded graph, as all snapshots carry it until it changes."""
        if self._shared is None or self._shared.data is not graph:
            self._shared = Shared(graph)
        return self._shared

    @property
    def channel(self) -> str:
        return f"session:{self.id}"

    @property
    def cursors_channel(self) -> str:
        """Its members show where in the graph they are."""
        return f"session-cursors:{self.id}"

    @property
    def in_use(self) -> bool:
        """A client is on it, or a change is under way, which may wait for the store."""
        return bool(self.attendance.present) or self.turn.locked()

    def check_open(self) -> None:
        """Raises SessionNotFound. Called again after every wait, as the session may have been closed meanwhile."""
        if self.closed:
            raise SessionNotFound(f"the session {self.id} was closed")

    @property
    def summary(self) -> SessionSummary:
        return SessionSummary(
            session_id=self.id,
            created_at=self.created_at,
            last_activity=self.last_activity,
            active_clients=len(self.attendance.present),
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
