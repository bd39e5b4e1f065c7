"""Notifications, as an application constructs them: the calls, the channel of each session, and the REST calls."""

from collections.abc import Iterable

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.notifications.channel import register_channel
from pattern_stack.features.notifications.redis import RedisStore
from pattern_stack.features.notifications.router import build_router
from pattern_stack.features.notifications.service import NotificationService
from pattern_stack.features.notifications.store import MemoryStore, Retention, Store


class Notifications(NotificationService):
    """Notifications, alerts, progress and runs: each is reported by a call, kept for a while, and published at once.

    What belongs to a session goes to the channel `notifications:{session_id}`, everything else to `notifications`. Every
    connection is on the latter if the backend was made with `everyone=["notifications"]`.

    `store`: where records are kept. Default: the Redis of the broadcast's bridge, or this process's memory if it has no
    bridge. `retention`: how many records the default store keeps, and for how long; a `store=` has bounds of its own.
    `clock` and `ids` give the time and the id of each new record.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        store: Store | None = None,
        retention: Retention | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        store = store or _default_store(broadcast, retention or Retention(), clock)
        super().__init__(broadcast, store, clock=clock, ids=ids)
        register_channel(broadcast, self)

    def get_router(self, *, origins: Iterable[str] = ()) -> APIRouter:
        """The REST calls, under /api/v1. The application calls `add_exception_handlers`.

        Pages of other origins cannot change anything, unless `origins` lists theirs, like `https://app.example`.
        """
        return build_router(self, origins)


def _default_store(broadcast: WebSocketBroadcastBackend, retention: Retention, clock: Clock) -> Store:
    if broadcast.bridge is None:
        return MemoryStore(retention, clock)
    return RedisStore(broadcast.bridge, retention, clock)
