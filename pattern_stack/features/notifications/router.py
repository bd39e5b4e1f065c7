"""The REST calls, under /api/v1."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from pattern_stack.atoms.rest import TOO_LARGE, UNAVAILABLE, BoundedRoute, EventOrigin, error_responses
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
    LAST_PLACE,
    PAGE_RECORDS,
    SESSION_ID,
    Alert,
    AlertFilter,
    Notification,
    NotificationFilter,
    NotificationType,
    Progress,
    Run,
    Severity,
    SystemStatus,
)
from pattern_stack.features.notifications.service import NotificationService
from pattern_stack.features.notifications.store import Rows

SessionPath = Annotated[str, Path(pattern=SESSION_ID, examples=["nightly-import"])]
SessionQuery = Annotated[str | None, Query(pattern=SESSION_ID, description="only those of this session")]
Limit = Annotated[
    int, Query(ge=1, le=PAGE_RECORDS, description="the most records to answer; a page has at most 1 MiB of them")
]
Before = Annotated[
    int | None,
    Query(ge=1, le=LAST_PLACE, description="for the page that follows: the value that `Link` of the page before names"),
]

_LINK = {"description": "`<?...>; rel=next`: the page that follows. Absent on the last.", "schema": {"type": "string"}}
_PAGE: dict[int | str, dict[str, Any]] = {200: {"headers": {"Link": _LINK}}}


def build_router(notifications: NotificationService, origins: Iterable[str]) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1", route_class=BoundedRoute.listing(origins), tags=["notifications"], responses=UNAVAILABLE
    )
    _add_notifications(router, notifications)
    _add_alerts(router, notifications)
    _add_progress(router, notifications)
    _add_runs(router, notifications)
    _add_status(router, notifications)
    return router


def _page(name: str, rows: Rows, request: Request) -> Response:
    """The rows are joined as they are stored: to parse and write a page of them would take the loop much longer."""
    body = b'{"%b":[%b],"total":%d}' % (name.encode(), b",".join(rows.data), rows.total)
    headers = {}
    if rows.next is not None:
        headers["Link"] = f'<?{request.url.include_query_params(before=rows.next).query}>; rel="next"'
    return Response(body, media_type="application/json", headers=headers)


def _add_notifications(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/notifications", response_model=NotificationList, responses=error_responses() | _PAGE)
    async def list_notifications(
        request: Request,
        session_id: SessionQuery = None,
        type: NotificationType | None = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> Response:
        """Newest first. `total` counts all that match, on all pages."""
        filters = NotificationFilter(session_id=session_id, type=type, limit=limit, before=before)
        return _page("notifications", await notifications.notification_rows(filters), request)

    @router.post("/notifications", status_code=201, responses=error_responses() | TOO_LARGE)
    async def send_notification(body: NewNotification, origin: EventOrigin = None) -> Notification:
        """Keep it, and publish it on the channel of its session, or on `notifications`."""
        return await notifications.send(**dict(body), origin=origin)

    @router.post("/notifications/{id}/acknowledge", responses=error_responses(NotificationNotFound))
    async def acknowledge_notification(id: str, origin: EventOrigin = None) -> Notification:
        """Mark it as seen. The second time nothing is published."""
        return await notifications.acknowledge(id, origin=origin)

    @router.delete("/notifications", responses=error_responses())
    async def clear_notifications(session_id: SessionQuery = None) -> Removed:
        """Remove those of one session, or all."""
        return Removed(removed=await notifications.clear_notifications(session_id=session_id))


def _add_alerts(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/alerts", response_model=AlertList, responses=error_responses() | _PAGE)
    async def list_alerts(
        request: Request,
        session_id: SessionQuery = None,
        severity: Severity | None = None,
        resolved: bool | None = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> Response:
        """Newest first. `total` counts all that match, on all pages."""
        filters = AlertFilter(session_id=session_id, severity=severity, resolved=resolved, limit=limit, before=before)
        return _page("alerts", await notifications.alert_rows(filters), request)

    @router.post("/alerts", status_code=201, responses=error_responses() | TOO_LARGE)
    async def create_alert(body: NewAlert, origin: EventOrigin = None) -> Alert:
        """Keep it open, and publish it on the channel of its session, or on `notifications`."""
        return await notifications.create_alert(**dict(body), origin=origin)

    @router.post("/alerts/{id}/resolve", responses=error_responses(AlertNotFound))
    async def resolve_alert(id: str, origin: EventOrigin = None) -> Alert:
        """Mark it as resolved. The second time nothing is published."""
        return await notifications.resolve_alert(id, origin=origin)


def _add_progress(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/progress/{session_id}", responses=error_responses(ProgressNotFound))
    async def get_progress(session_id: SessionPath) -> Progress:
        """As it was last published."""
        return await notifications.get_progress(session_id)

    @router.post("/progress/{session_id}/start", status_code=201, responses=error_responses() | TOO_LARGE)
    async def start_progress(session_id: SessionPath, body: ProgressStart, origin: EventOrigin = None) -> Progress:
        """Begin at step 0. It replaces the progress that the session may have."""
        return await notifications.start_progress(session_id, **dict(body), origin=origin)

    @router.post("/progress/{session_id}", responses=error_responses(ProgressNotFound) | TOO_LARGE)
    async def update_progress(session_id: SessionPath, body: ProgressUpdate, origin: EventOrigin = None) -> Progress:
        """Move to another step. A name that is left out stays; metadata is merged."""
        return await notifications.update_progress(session_id, **dict(body), origin=origin)

    @router.post("/progress/{session_id}/complete", responses=error_responses(ProgressNotFound))
    async def complete_progress(session_id: SessionPath, origin: EventOrigin = None) -> Progress:
        """Publish 100 %, "Completed", and remove the record."""
        return await notifications.complete_progress(session_id, origin=origin)


def _add_runs(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/runs/{session_id}", responses=error_responses(RunNotFound))
    async def get_run(session_id: SessionPath) -> Run:
        """As it was last published."""
        return await notifications.get_run(session_id)

    @router.post("/runs/{session_id}/started", status_code=201, responses=error_responses(RunFinished) | TOO_LARGE)
    async def run_started(session_id: SessionPath, body: RunStart | None = None, origin: EventOrigin = None) -> Run:
        """Start it. If it runs already, its start time stays, and metadata is merged."""
        return await notifications.run_started(session_id, body.metadata if body else None, origin=origin)

    ends = error_responses(RunNotFound, RunFinished)

    @router.post("/runs/{session_id}/completed", responses=ends | TOO_LARGE)
    async def run_completed(session_id: SessionPath, body: RunResults | None = None, origin: EventOrigin = None) -> Run:
        """End it: it was successful."""
        return await notifications.run_completed(session_id, body.results if body else None, origin=origin)

    @router.post("/runs/{session_id}/failed", responses=ends | TOO_LARGE)
    async def run_failed(session_id: SessionPath, body: RunFailure, origin: EventOrigin = None) -> Run:
        """End it: it failed."""
        return await notifications.run_failed(session_id, body.error_message, body.error_type, origin=origin)

    @router.post("/runs/{session_id}/cancelled", responses=ends)
    async def run_cancelled(session_id: SessionPath, origin: EventOrigin = None) -> Run:
        """End it: it was given up."""
        return await notifications.run_cancelled(session_id, origin=origin)


def _add_status(router: APIRouter, notifications: NotificationService) -> None:
    @router.get("/status")
    async def get_status() -> SystemStatus:
        """Count the records that are kept."""
        return await notifications.status()

    @router.post("/status", responses=error_responses())
    async def publish_status(origin: EventOrigin = None) -> SystemStatus:
        """Count the records, and publish the counts on `notifications`."""
        return await notifications.publish_status(origin=origin)
