"""The REST calls, under /api/v1."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from pattern_stack.atoms.rest import TOO_LARGE, UNAVAILABLE, BoundedRoute, error_responses
from pattern_stack.features.notifications.bodies import (
    AlertList,
    NewAlert,
    NewNotification,
    NotificationList,
    ProgressStart,
    ProgressUpdate,
    Removed,
    RunFailure,
    RunResults,
    RunStart,
)
from pattern_stack.features.notifications.errors import (
    AlertNotFound,
    NotificationNotFound,
    ProgressNotFound,
    RunFinished,
    RunNotFound,
)
from pattern_stack.features.notifications.models import (
    MOST,
    SESSION_ID,
    Alert,
    Notification,
    NotificationType,
    Progress,
    Run,
    Severity,
    SystemStatus,
)
from pattern_stack.features.notifications.service import NotificationService

SessionPath = Annotated[str, Path(pattern=SESSION_ID, examples=["nightly-import"])]
SessionQuery = Annotated[str | None, Query(pattern=SESSION_ID, description="of this session alone")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="how many at most, the newest first")]


def build_router(notifications: NotificationService) -> APIRouter:
    router = APIRouter(prefix="/api/v1", route_class=BoundedRoute, tags=["notifications"], responses=UNAVAILABLE)
    _add_notifications(router, notifications)
    _add_alerts(router, notifications)
    _add_progress(router, notifications)
    _add_runs(router, notifications)
    _add_status(router, notifications)
    return router


def _add_notifications(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/notifications", responses=error_responses())
    async def list_notifications(
        session_id: SessionQuery = None, type: NotificationType | None = None, limit: Limit = 100
    ) -> NotificationList:
        """The newest first. `total` counts all that match."""
        page = await notifications.list_notifications(session_id=session_id, type=type, limit=limit)
        return NotificationList(notifications=page.records, total=page.total)

    @router.post("/notifications", status_code=201, responses=error_responses() | TOO_LARGE)
    async def send_notification(body: NewNotification) -> Notification:
        """Keep it, and tell it on its session's channel, or to everyone."""
        return await notifications.send(**dict(body))

    @router.post("/notifications/{id}/acknowledge", responses=error_responses(NotificationNotFound))
    async def acknowledge_notification(id: str) -> Notification:
        """Somebody has seen it. Once: the second time nobody is told."""
        return await notifications.acknowledge(id)

    @router.delete("/notifications", responses=error_responses())
    async def clear_notifications(session_id: SessionQuery = None) -> Removed:
        """Forget those of one session, or all."""
        return Removed(removed=await notifications.clear_notifications(session_id=session_id))


def _add_alerts(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/alerts", responses=error_responses())
    async def list_alerts(
        session_id: SessionQuery = None,
        severity: Severity | None = None,
        resolved: bool | None = None,
        limit: Limit = 100,
    ) -> AlertList:
        """The newest first. `total` counts all that match."""
        page = await notifications.list_alerts(session_id=session_id, severity=severity, resolved=resolved, limit=limit)
        return AlertList(alerts=page.records, total=page.total)

    @router.post("/alerts", status_code=201, responses=error_responses() | TOO_LARGE)
    async def create_alert(body: NewAlert) -> Alert:
        """Keep it, and tell it on its session's channel, or to everyone."""
        return await notifications.create_alert(**dict(body))

    @router.post("/alerts/{id}/resolve", responses=error_responses(AlertNotFound))
    async def resolve_alert(id: str) -> Alert:
        """Somebody has seen to it. Once: the second time nobody is told."""
        return await notifications.resolve_alert(id)


def _add_progress(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/progress/{session_id}", responses=error_responses(ProgressNotFound))
    async def get_progress(session_id: SessionPath) -> Progress:
        """As it was last published."""
        return await notifications.get_progress(session_id)

    @router.post("/progress/{session_id}/start", status_code=201, responses=error_responses() | TOO_LARGE)
    async def start_progress(session_id: SessionPath, body: ProgressStart) -> Progress:
        """At step 0. It takes the place of a progress that the session had."""
        return await notifications.start_progress(session_id, **dict(body))

    @router.post("/progress/{session_id}", responses=error_responses(ProgressNotFound) | TOO_LARGE)
    async def update_progress(session_id: SessionPath, body: ProgressUpdate) -> Progress:
        """At another step. A name that is left out stays; metadata is merged."""
        return await notifications.update_progress(session_id, **dict(body))

    @router.post("/progress/{session_id}/complete", responses=error_responses(ProgressNotFound))
    async def complete_progress(session_id: SessionPath) -> Progress:
        """Tells of 100 %, "Completed"; the record is gone then."""
        return await notifications.complete_progress(session_id)


def _add_runs(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/runs/{session_id}", responses=error_responses(RunNotFound))
    async def get_run(session_id: SessionPath) -> Run:
        """As it was last published."""
        return await notifications.get_run(session_id)

    @router.post("/runs/{session_id}/started", status_code=201, responses=error_responses(RunFinished) | TOO_LARGE)
    async def run_started(session_id: SessionPath, body: RunStart | None = None) -> Run:
        """It runs. Telling it again keeps the time of the first, and merges the metadata."""
        return await notifications.run_started(session_id, body.metadata if body else None)

    ends = error_responses(RunNotFound, RunFinished)

    @router.post("/runs/{session_id}/completed", responses=ends | TOO_LARGE)
    async def run_completed(session_id: SessionPath, body: RunResults | None = None) -> Run:
        """It has ended well, for good."""
        return await notifications.run_completed(session_id, body.results if body else None)

    @router.post("/runs/{session_id}/failed", responses=ends | TOO_LARGE)
    async def run_failed(session_id: SessionPath, body: RunFailure) -> Run:
        """It has failed, for good."""
        return await notifications.run_failed(session_id, body.error_message, body.error_type)

    @router.post("/runs/{session_id}/cancelled", responses=ends)
    async def run_cancelled(session_id: SessionPath) -> Run:
        """It was given up, for good."""
        return await notifications.run_cancelled(session_id)


def _add_status(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/status")
    async def get_status() -> SystemStatus:
        """What is kept, in counts."""
        return await notifications.status()

    @router.post("/status")
    async def publish_status() -> SystemStatus:
        """Tell everyone how it stands."""
        return await notifications.publish_status()
