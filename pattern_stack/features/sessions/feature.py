"""Sessions, as an application constructs them: the service, its channel and its REST calls."""

from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.sessions.channel import register_channel
from pattern_stack.features.sessions.rest import build_router
from pattern_stack.features.sessions.service import SessionService
from pattern_stack.features.sessions.store import ProjectStore


class Sessions(SessionService):
    """Project graphs that several people edit live. All of it is about the sessions of this instance.

    `store`: where projects are kept. `templates`: directories of more templates than the shipped one. `clock` and `ids`
    are asked for every time and id. Raises InvalidTemplate, which names file and line, and OSError.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        store: ProjectStore,
        templates: Iterable[Path] = (),
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        super().__init__(broadcast, store, templates, clock, ids)
        register_channel(broadcast, self.registry)

    def get_router(self) -> APIRouter:
        """The REST calls, under /api/v1. Its lifespan closes the store. The application calls `add_exception_handlers`."""
        return build_router(self)
