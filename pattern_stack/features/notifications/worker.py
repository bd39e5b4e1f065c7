"""The calls of notifications for processes that serve nobody: Celery and RQ workers, cron jobs, scripts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pattern_stack.atoms.broadcast import Publisher, WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.notifications.calls.sync import SyncCalls
from pattern_stack.features.notifications.feature import default_store
from pattern_stack.features.notifications.report import Report, reported
from pattern_stack.features.notifications.service import NotificationService
from pattern_stack.features.notifications.store import Retention

T = TypeVar("T")


class WorkerProgress(SyncCalls):
    """The methods of `notifications.sync`, over a Publisher. They block, may be called in any thread, and write where the
    Notifications of the application reads: who subscribes later gets the progress as a snapshot.

    `with worker.progress("import", total=100) as p: p.advance()`, and `worker.track(rows, "import")`, as in Notifications.
    `retention` is that of the application. Raises what the calls raise, BroadcastUnavailable within 10 s, and BroadcastClosed.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        retention: Retention | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        self._publisher = publisher
        self._retention = retention or Retention()
        self._clock, self._ids = clock, ids
        self._services: WeakKeyDictionary[WebSocketBroadcastBackend, NotificationService] = WeakKeyDictionary()

    @property
    def _calls(self) -> NotificationService:  # type: ignore[override]
        """Of this process: a child of a fork has its own."""
        hub = self._publisher.hub
        service = self._services.get(hub)
        if service is None:
            store = default_store(hub, self._retention, self._clock)
            service = NotificationService(hub, store, clock=self._clock, ids=self._ids)
            self._services[hub] = service
        return service

    def progress(
        self,
        session_id: str,
        total: int,
        *,
        step_name: str = "",
        metadata: Mapping[str, Any] | None = None,
        rate: float = 10,
    ) -> Report:
        """See Notifications.progress."""
        return Report(self, session_id, total, step_name=step_name, metadata=metadata, rate=rate)

    def track(self, items: Iterable[T], session_id: str, *, total: int | None = None, rate: float = 10) -> Iterator[T]:
        """See Notifications.track."""
        return reported(self, items, session_id, total, rate)
