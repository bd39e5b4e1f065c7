"""Notifications: what an application reports of its long-running work, and what it can ask for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.notifications.calls.notifications import NotificationCalls
from pattern_stack.features.notifications.calls.progress import ProgressCalls
from pattern_stack.features.notifications.calls.status import StatusCalls
from pattern_stack.features.notifications.calls.sync import SyncCalls
from pattern_stack.features.notifications.records import Records
from pattern_stack.features.notifications.report import Report, tracked
from pattern_stack.features.notifications.store import Store

T = TypeVar("T")


class NotificationService(NotificationCalls, ProgressCalls, StatusCalls):
    """Notifications, alerts, progress and runs, each reported by a call, kept for a while, and told to whoever watches.

    What belongs to a session goes to `notifications:{session_id}`, what belongs to none to `notifications`, which every
    connection is on if the backend was made with `everyone=["notifications"]`.
    Every call may be awaited on any loop and thread; `sync` has the same calls for plain threads. A call that returned is
    kept, published and in order. One that raised a ServiceError changed nothing; after BroadcastUnavailable the report
    may be there once, or not at all. Each returns the record as it was published.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        store: Store,
        *,
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        super().__init__(broadcast, Records(broadcast, store), clock, ids)
        self.sync = SyncCalls(self)

    # -- from plain threads: beside these two, the calls of `sync`

    def progress(
        self,
        session_id: str,
        total: int,
        *,
        step_name: str = "",
        metadata: Mapping[str, Any] | None = None,
        rate: float = 10,
    ) -> Report:
        """`with notifications.progress("import", total=100) as p: p.advance()`: see Report. At most `rate` events a second."""
        return Report(self.sync, session_id, total, step_name=step_name, metadata=metadata, rate=rate)

    def track(self, items: Iterable[T], session_id: str, *, total: int | None = None, rate: float = 10) -> Iterator[T]:
        """The items, each a step once the next is asked for: `for row in notifications.track(rows, "import"): ...`

        `total` is needed where `items` has no length; none of them tells of nothing. See `tracked` for how it ends.
        """
        return tracked(self.sync, items, session_id, total, rate)
