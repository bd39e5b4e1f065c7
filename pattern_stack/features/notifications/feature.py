"""Notifications, as an application constructs them: the calls, the channel of each session, and the REST calls."""

from collections.abc import Iterable

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import ScriptedBridge, TableBridge, WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.notifications.channel import register_channel
from pattern_stack.features.notifications.redis import RedisStore
from pattern_stack.features.notifications.router import build_router
from pattern_stack.features.notifications.service import NotificationService
from pattern_stack.features.notifications.store import LateStore, MemoryStore, Retention, Store
from pattern_stack.features.notifications.tables import TableStore


class Notifications(NotificationService):
    """Reports of long-running work: each is kept for a while, and published at once.

    | calls | about |
    |---|---|
    | `send`, `acknowledge`, `list_notifications`, `clear_notifications` | notifications |
    | `create_alert`, `resolve_alert`, `list_alerts` | alerts |
    | `start_progress`, `update_progress`, `complete_progress`, `fail_progress`, `get_progress` | the progress of a session |
    | `run_pending`, `run_started`, `run_completed`, `run_failed`, `run_cancelled`, `get_run` | the run of a session |
    | `status`, `publish_status` | counts of all records |
    | `sync` | the calls above for plain threads: `notifications.sync.send(...)` |
    | `progress`, `track` | the progress of a block or a loop in a plain thread |
    | `get_router` | the REST calls |
    | `snapshot`, `notification_rows`, `alert_rows` | what the channel and the REST calls need |

    Each call may be awaited on any loop and in any thread. One that returned is kept, published, and ordered before every
    call made later; it returns the record as it was published. One that raised a ServiceError changed nothing. After
    BroadcastUnavailable the report may have been made once, or not at all. Records are shared by all instances on one
    store; without a bridge they are this process's.

    What belongs to a session is published on `notifications:{session_id}`, everything else on `notifications`. Every
    connection is on the latter if the backend was made with `everyone=["notifications"]`.

    `store`: where records are kept. Default: the store of the broadcast's bridge, or this process's memory if it has no
    bridge. `retention`: how many records the default store keeps, and for how many seconds; a `store=` has bounds of its
    own. `clock` and `ids` give the time and the id of each new record.
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
        store = store or default_store(broadcast, retention or Retention(), clock)
        super().__init__(broadcast, store, clock=clock, ids=ids)
        register_channel(broadcast, self)

    def get_router(self, *, origins: Iterable[str] = ()) -> APIRouter:
        """The REST calls, under /api/v1. The application calls `add_exception_handlers`.

        Pages of other origins cannot change anything, unless `origins` lists theirs, like `https://app.example`.
        """
        return build_router(self, origins)


def default_store(broadcast: WebSocketBroadcastBackend, retention: Retention, clock: Clock) -> Store:
    """Chosen at the first call, by what the bridge offers: which bridge there is may be known no sooner."""

    def choose() -> Store:
        bridge = broadcast.bridge
        if isinstance(bridge, ScriptedBridge):
            return RedisStore(bridge, retention, clock)
        if isinstance(bridge, TableBridge):
            return TableStore(bridge, retention, clock)
        if bridge is not None:
            raise TypeError("this bridge keeps no records: pass Notifications(store=...)")
        return MemoryStore(retention, clock)

    return LateStore(choose)
