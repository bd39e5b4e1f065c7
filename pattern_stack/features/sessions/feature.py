"""Sessions, as an application constructs them: the service, its channel and its REST calls."""

from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.sessions.bounded_store import BoundedStore
from pattern_stack.features.sessions.channel import register_channel
from pattern_stack.features.sessions.core.limits import SessionLimits
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.housekeeping import register_instances_channel
from pattern_stack.features.sessions.late_journal import LateJournal
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.rest import build_router
from pattern_stack.features.sessions.service import SessionService
from pattern_stack.features.sessions.store import ProjectStore


class Sessions(SessionService):
    """Project graphs that several people edit live: the sessions of all instances on the broadcast's bridge, or of this one.

    `store`: where projects are kept. `templates`: directories of more templates than the shipped one. `clock` and `ids`
    are asked for every time and id. `store_seconds`: how long a call of the store may take; longer is StoreUnavailable, 503.
    docs/limits.md has the bounds. Raises InvalidTemplate, which names file and line, and
    OSError.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        store: ProjectStore,
        templates: Iterable[Path] = (),
        clock: Clock = utc_now,
        ids: Ids = new_id,
        max_sessions: int = 10_000,
        total_bytes: int = 512 * 1024 * 1024,
        graph_bytes: int = 48 * 1024 * 1024,
        node_bytes: int = 2 * 1024 * 1024,
        undo_bytes: int = 32 * 1024 * 1024,
        store_seconds: float = 30,
    ) -> None:
        limits = SessionLimits(
            sessions=max_sessions,
            total_bytes=total_bytes,
            graph_bytes=graph_bytes,
            node_bytes=node_bytes,
            undo_bytes=undo_bytes,
        )
        registry = Registry(broadcast, limits, clock, ids)
        journal = LateJournal(registry)
        super().__init__(registry, Catalogue(templates), BoundedStore(store, store_seconds), journal)
        self._late = journal
        register_channel(broadcast, registry, journal)
        register_instances_channel(broadcast)

    @property
    def trouble(self) -> str | None:
        """What keeps this instance from doing its part for shared sessions, in words; None while it does."""
        return self._late.trouble

    def get_router(self, *, origins: Iterable[str] = ()) -> APIRouter:
        """The REST calls, under /api/v1. Its lifespan closes the store. The application calls `add_exception_handlers`.

        Pages of other origins cannot change anything, unless `origins` lists theirs, like `https://app.example`.
        """
        return build_router(self, origins, self._late)
