"""Notifications: what an application reports of its long-running work, and what it can ask for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.errors import ServiceError
from pattern_stack.features.notifications import channel, progress, run
from pattern_stack.features.notifications.calls import on_the_hub
from pattern_stack.features.notifications.errors import (
    AlertNotFound,
    InvalidReport,
    NotificationNotFound,
    ProgressNotFound,
    RunNotFound,
)
from pattern_stack.features.notifications.metadata import merged
from pattern_stack.features.notifications.models import (
    MOST,
    Alert,
    Notification,
    NotificationType,
    Page,
    Progress,
    R,
    Record,
    Run,
    Severity,
    SystemStatus,
)
from pattern_stack.features.notifications.records import EVERYONE, Records
from pattern_stack.features.notifications.redis import store_of
from pattern_stack.features.notifications.report import Report, tracked
from pattern_stack.features.notifications.router import router_of
from pattern_stack.features.notifications.status import status_of
from pattern_stack.features.notifications.store import Retention, Store

if TYPE_CHECKING:
    from pattern_stack.features.notifications.blocking import Blocking

T = TypeVar("T")


class Notifications:
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
        *,
        store: Store | None = None,
        retention: Retention | None = None,
        clock: Clock = utc_now,
        ids: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self.broadcast = broadcast
        self._records = Records(broadcast, store or store_of(broadcast, retention or Retention(), clock))
        self._clock = clock
        self._ids = ids
        channel.declare(broadcast, self._snapshot)

    def get_router(self) -> APIRouter:
        """The REST calls, under /api/v1. `pattern_stack.atoms.rest.answer_errors(app)` gives refusals their status."""
        return router_of(self)

    # -- from plain threads

    @cached_property
    def sync(self) -> "Blocking":
        """The same calls for plain threads: sync endpoints, workers, scripts. On the hub's own loop they raise BroadcastError."""
        from pattern_stack.features.notifications.blocking import Blocking

        return Blocking(self)

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

    # -- notifications and alerts

    @on_the_hub
    async def send(
        self,
        title: str,
        message: str = "",
        *,
        type: NotificationType = "info",
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Notification:
        notification = Notification.of(
            id=self._ids(),
            type=type,
            title=title,
            message=message,
            session_id=session_id,
            metadata=merged({}, metadata),
            timestamp=self._clock(),
        )
        await self._records.add(notification, "notification")
        return notification

    @on_the_hub
    async def acknowledge(self, id: str) -> Notification:
        """Once: what is acknowledged already is told to nobody again. Raises NotificationNotFound."""

        def change(before: Notification | None) -> Notification:
            there = _found(before, NotificationNotFound(f"there is no notification {id}"))
            return there if there.acknowledged else there.but(acknowledged=True)

        return await self._records.change(
            Notification, id, change, lambda after: ("notification-acknowledged", {"id": after.id})
        )

    @on_the_hub
    async def list_notifications(
        self, *, session_id: str | None = None, type: NotificationType | None = None, limit: int = 100
    ) -> Page[Notification]:
        return await self._records.list(Notification, _limit(limit), session_id=session_id, type=type)

    @on_the_hub
    async def clear_notifications(self, *, session_id: str | None = None) -> int:
        """Forget those of one session, or all. Returns how many there were."""
        return await self._records.clear(Notification, session_id=session_id)

    @on_the_hub
    async def create_alert(
        self,
        severity: Severity,
        title: str,
        description: str = "",
        *,
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Alert:
        alert = Alert.of(
            id=self._ids(),
            severity=severity,
            title=title,
            description=description,
            session_id=session_id,
            metadata=merged({}, metadata),
            timestamp=self._clock(),
        )
        await self._records.add(alert, "alert")
        return alert

    @on_the_hub
    async def resolve_alert(self, id: str) -> Alert:
        """Once: what is resolved already is told to nobody again. Raises AlertNotFound."""

        def change(before: Alert | None) -> Alert:
            there = _found(before, AlertNotFound(f"there is no alert {id}"))
            return there if there.resolved else there.but(resolved=True)

        return await self._records.change(Alert, id, change, _whole("alert-resolved"))

    @on_the_hub
    async def list_alerts(
        self,
        *,
        session_id: str | None = None,
        severity: Severity | None = None,
        resolved: bool | None = None,
        limit: int = 100,
    ) -> Page[Alert]:
        return await self._records.list(
            Alert, _limit(limit), session_id=session_id, severity=severity, resolved=resolved
        )

    # -- progress

    @on_the_hub
    async def start_progress(
        self, session_id: str, total_steps: int, step_name: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Progress:
        """At step 0. It takes the place of a progress that the session had."""

        def change(before: Progress | None) -> Progress:
            return progress.begun(session_id, total_steps, step_name, metadata, self._clock())

        return await self._records.change(Progress, session_id, change, _whole("progress-update"))

    @on_the_hub
    async def update_progress(
        self,
        session_id: str,
        current_step: int,
        step_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Progress:
        """A name that is not given stays; metadata is merged. Raises ProgressNotFound, and InvalidReport past either end."""
        return await self._move(
            session_id, lambda there: progress.moved(there, current_step, step_name, metadata, self._clock())
        )

    @on_the_hub
    async def complete_progress(self, session_id: str) -> Progress:
        """Tells of 100 %, "Completed"; the record is gone then. Raises ProgressNotFound."""
        return await self._move(session_id, lambda there: progress.completed(there, self._clock()), last=True)

    @on_the_hub
    async def fail_progress(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Progress:
        """Tells that it stopped where it is, "Failed"; the record is gone then. Raises ProgressNotFound."""
        return await self._move(session_id, lambda there: progress.failed(there, metadata, self._clock()), last=True)

    async def _move(self, session_id: str, move: Callable[[Progress], Progress], *, last: bool = False) -> Progress:
        def change(before: Progress | None) -> Progress:
            return move(_found(before, ProgressNotFound(f"there is no progress of {session_id}")))

        return await self._records.change(Progress, session_id, change, _whole("progress-update"), last=last)

    @on_the_hub
    async def get_progress(self, session_id: str) -> Progress:
        found = await self._records.get(Progress, session_id)
        return _found(found, ProgressNotFound(f"there is no progress of {session_id}"))

    # -- runs

    @on_the_hub
    async def run_pending(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Run:
        """It is known, and waits to be started. No event tells of it; snapshots do. Raises RunFinished."""
        return await self._records.change(
            Run, session_id, lambda before: run.pending(before, session_id, metadata, self._clock()), lambda _: None
        )

    @on_the_hub
    async def run_started(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Run:
        """Raises RunFinished: a run that has ended does not begin again."""
        return await self._records.change(
            Run,
            session_id,
            lambda before: run.started(before, session_id, metadata, self._clock()),
            _whole("session-started"),
        )

    @on_the_hub
    async def run_completed(self, session_id: str, results: Any = None) -> Run:
        """Raises RunNotFound or RunFinished, as the other ends do."""
        return await self._end(session_id, "completed", results=results)

    @on_the_hub
    async def run_failed(self, session_id: str, error_message: str, error_type: str) -> Run:
        return await self._end(session_id, "failed", error_message=error_message, error_type=error_type)

    @on_the_hub
    async def run_cancelled(self, session_id: str) -> Run:
        return await self._end(session_id, "cancelled")

    async def _end(self, session_id: str, state: run.End, **how: Any) -> Run:
        def change(before: Run | None) -> Run:
            return run.ended(before, session_id, state, self._clock(), **how)

        return await self._records.change(Run, session_id, change, _whole(f"session-{state}"))

    @on_the_hub
    async def get_run(self, session_id: str) -> Run:
        found = await self._records.get(Run, session_id)
        return _found(found, RunNotFound(f"there is no run {session_id}"))

    # -- all of it

    @on_the_hub
    async def status(self) -> SystemStatus:
        return await status_of(self._records, self._clock())

    @on_the_hub
    async def publish_status(self) -> SystemStatus:
        """Tells everyone."""
        status = await status_of(self._records, self._clock())
        await self.broadcast.broadcast(EVERYONE, "system-status", status.model_dump(mode="json"))
        return status

    async def _snapshot(self, session_id: str) -> dict[str, Any]:
        found = await self._records.get(Progress, session_id), await self._records.get(Run, session_id)
        progress, run = (record and record.payload for record in found)
        return {"session_id": session_id, "progress": progress, "run": run}


def _whole(event_type: str) -> Callable[[Record], tuple[str, dict[str, Any]]]:
    return lambda record: (event_type, record.payload)


def _found(record: R | None, otherwise: ServiceError) -> R:
    if record is None:
        raise otherwise
    return record


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise InvalidReport(f"limit: it is 1 to {MOST}, not {limit}")
    return limit
