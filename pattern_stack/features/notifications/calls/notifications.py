"""The calls about notifications and alerts."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.errors import AlertNotFound, NotificationNotFound
from pattern_stack.features.notifications.models import (
    Alert,
    AlertFilter,
    Filter,
    Notification,
    NotificationFilter,
    NotificationType,
    Page,
    Severity,
    merged,
    validated,
)
from pattern_stack.features.notifications.records import found, parsed_page, whole_record
from pattern_stack.features.notifications.store import Rows

M = TypeVar("M", Notification, Alert)


class NotificationCalls(HubCalls):
    """Messages. Those with a session id are published on that session's channel, the others on `notifications`."""

    @on_the_hub
    async def send(
        self,
        title: str,
        message: str = "",
        *,
        type: NotificationType = "info",
        session_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        origin: str | None = None,
    ) -> Notification:
        """Keep a notification under a new id, and publish it as `notification`.

        `title` has 1 to 200 characters, `message` at most 10,000, `metadata` at most 64 KiB as JSON. `origin` is the
        event's, by which the caller can recognise it.
        """
        return await self._create(
            Notification,
            "notification",
            metadata,
            origin,
            type=type,
            title=title,
            message=message,
            session_id=session_id,
        )

    @on_the_hub
    async def acknowledge(self, id: str, *, origin: str | None = None) -> Notification:
        """Mark a notification as seen, and publish `notification-acknowledged`. The second time nothing is published.

        Raises NotificationNotFound.
        """

        def change(before: Notification | None) -> Notification:
            record = found(before, NotificationNotFound(f"there is no notification {id}"))
            return record if record.acknowledged else record.replace(acknowledged=True)

        return await self._records.change(
            Notification, id, change, lambda after: ("notification-acknowledged", {"id": after.id}), origin
        )

    @on_the_hub
    async def list_notifications(
        self,
        *,
        session_id: str | None = None,
        type: NotificationType | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Page[Notification]:
        """A page of those that match, newest first: at most `limit` of them, which is 1 to 1,000, and at most 1 MiB.

        `before` is the `next` of the page before.
        """
        filters = validated(NotificationFilter, session_id=session_id, type=type, limit=limit, before=before)
        return parsed_page(Notification, await self._records.page(Notification, **dict(filters)))

    @on_the_hub
    async def notification_rows(self, filters: NotificationFilter) -> Rows:
        """The same page, each notification as the JSON that is stored."""
        return await self._records.page(Notification, **dict(filters))

    @on_the_hub
    async def clear_notifications(self, *, session_id: str | None = None) -> int:
        """Remove the notifications of one session, or all. Returns how many there were. No event is published."""
        validated(Filter, session_id=session_id)
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
        origin: str | None = None,
    ) -> Alert:
        """Keep an open alert under a new id, and publish it as `alert`. The bounds are those of `send`."""
        return await self._create(
            Alert,
            "alert",
            metadata,
            origin,
            severity=severity,
            title=title,
            description=description,
            session_id=session_id,
        )

    @on_the_hub
    async def resolve_alert(self, id: str, *, origin: str | None = None) -> Alert:
        """Mark an alert as resolved, and publish it as `alert-resolved`. The second time nothing is published.

        Raises AlertNotFound.
        """

        def change(before: Alert | None) -> Alert:
            record = found(before, AlertNotFound(f"there is no alert {id}"))
            return record if record.resolved else record.replace(resolved=True)

        return await self._records.change(Alert, id, change, whole_record("alert-resolved"), origin)

    @on_the_hub
    async def list_alerts(
        self,
        *,
        session_id: str | None = None,
        severity: Severity | None = None,
        resolved: bool | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Page[Alert]:
        """A page of those that match, newest first. `limit` and `before` as in `list_notifications`."""
        filters = validated(
            AlertFilter, session_id=session_id, severity=severity, resolved=resolved, limit=limit, before=before
        )
        return parsed_page(Alert, await self._records.page(Alert, **dict(filters)))

    @on_the_hub
    async def alert_rows(self, filters: AlertFilter) -> Rows:
        """The same page, each alert as the JSON that is stored."""
        return await self._records.page(Alert, **dict(filters))

    async def _create(
        self, model: type[M], event_type: str, metadata: Mapping[str, Any] | None, origin: str | None, **values: Any
    ) -> M:
        record = model.new(id=self._ids(), metadata=merged({}, metadata), timestamp=self._clock(), **values)
        await self._records.add(record, event_type, origin)
        return record
