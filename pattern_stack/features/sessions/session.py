"""One session: its document, its project, its clients, and when it was used."""

import asyncio
from datetime import datetime

from pattern_stack.atoms.broadcast import Shared
from pattern_stack.features.sessions.core.attendance import Attendance
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.state import SessionState
from pattern_stack.features.sessions.errors import SessionNotFound
from pattern_stack.features.sessions.models import SessionInfo, SessionSummary


class Session(SessionState):
    """A session as this instance has it. Only the hub's loop touches it.

    `turn` is held by whatever changes it, so that commands run one at a time; its holder may wait for the store of projects.
    `graph_lock` is held, within the turn or without it, while the session is changed or read in several turns of the loop:
    its holder waits for those, and for the journal.
    """

    __slots__ = (
        *(
            "_shared",
            "attendance",
            "base",
            "closed",
            "confirmed",
            "entry",
            "graph_lock",
            "id",
            "is_shared",
            "journal_bytes",
            "number",
        ),
        *("size", "snapshot_bytes", "turn", "used"),
    )

    def __init__(self, id: str, now: datetime, document: Document, owner: str, *, is_shared: bool = False) -> None:
        super().__init__(now, document, owner)
        self.id = id
        self.attendance = Attendance()
        """Its connections to this instance."""
        self.closed = False
        self.size = 0
        """Bytes of the document when the registry asked last."""
        self.is_shared = is_shared
        """Other instances may have it too: it is what its journal says."""
        self.number, self.entry = 0, ""
        """Number and id of the last entry of its journal that has happened here. 0: it has not begun."""
        self.base = self.journal_bytes = self.snapshot_bytes = 0
        """Of the journal as this instance knows it: the number of the entry that its snapshot is the state behind; bytes of
        the entries since; bytes of the snapshot."""
        self.used = 0.0
        """When it was asked for last, as the loop counts time."""
        self.confirmed = 0.0
        """When the store was asked for its journal last."""
        self._shared: Shared | None = None
        self.turn = asyncio.Lock()
        self.graph_lock = asyncio.Lock()

    def become(self, state: SessionState) -> None:
        """All that outlives the instance is this from here on."""
        self.created_at, self.last_activity = state.created_at, state.last_activity
        self.document, self.project, self.owner = state.document, state.project, state.owner
        self.members, self.results = state.members, state.results

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
        return bool(self.active_clients) or self.turn.locked()

    @property
    def active_clients(self) -> int:
        """Connections, over all instances."""
        return sum(map(len, self.members.values())) if self.is_shared else len(self.attendance.present)

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
            active_clients=self.active_clients,
            has_project=self.project is not None,
        )

    @property
    def info(self) -> SessionInfo:
        template = self.document.template
        return SessionInfo(
            **dict(self.summary),
            project_id=self.project.project_id if self.project else None,
            template_id=template.id if template else None,
            instance=self.owner,
            undo_available=self.document.can_undo,
            redo_available=self.document.can_redo,
            node_count=len(self.document.graph),
        )
