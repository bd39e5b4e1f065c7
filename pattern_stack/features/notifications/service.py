"""All calls of notifications in one class, for any loop and for plain threads."""

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
from pattern_stack.features.notifications.report import Report, reported
from pattern_stack.features.notifications.store import Store

T = TypeVar("T")


class NotificationService(NotificationCalls, ProgressCalls, StatusCalls):
    """The calls of Notifications, without FastAPI and without channels. `Notifications` documents them on one page."""

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

    def progress(
        self,
        session_id: str,
        total: int,
        *,
        step_name: str = "",
        metadata: Mapping[str, Any] | None = None,
        rate: float = 10,
    ) -> Report:
        """`with notifications.progress("import", total=100) as p: p.advance()`, in a plain thread. See Report.

        `total` is a number of steps; `rate` is the most events a second. Raises InvalidReport.
        """
        return Report(self.sync, session_id, total, step_name=step_name, metadata=metadata, rate=rate)

    def track(self, items: Iterable[T], session_id: str, *, total: int | None = None, rate: float = 10) -> Iterator[T]:
        """`for row in notifications.track(rows, "import"): ...`, in a plain thread: each item is a step.

        `total` is the number of items; it is needed if `items` has no length. A loop that is left early publishes
        "Failed"; no items publish nothing. `rate` is the most events a second. Raises InvalidReport.
        """
        return reported(self.sync, items, session_id, total, rate)
