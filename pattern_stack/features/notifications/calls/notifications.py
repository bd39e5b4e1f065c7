"""Notifications and alerts: what is said once, and seen to."""

from collections.abc import Mapping
from typing import Any

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.errors import AlertNotFound, NotificationNotFound
from pattern_stack.features.notifications.metadata import merged
from pattern_stack.features.notifications.models import (
    Alert,
    Notification,
    NotificationType,
    Page,
    Severity,
    Wanted,
    WantedAlerts,
    WantedNotifications,
    valid,
)
from pattern_stack.features.notifications.records import found, whole


class NotificationCalls(HubCalls):
    """Those of a session are told to whoever watches it, the others to everyone."""

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
            there = found(before, NotificationNotFound(f"there is no notification {id}"))
            return there if there.acknowledged else there.but(acknowledged=True)

        return await self._records.change(
            Notification, id, change, lambda after: ("notification-acknowledged", {"id": after.id})
        )

    @on_the_hub
    async def list_notifications(
        self, *, session_id: str | None = None, type: NotificationType | None = None, limit: int = 100
    ) -> Page[Notification]:
        wanted = valid(WantedNotifications, session_id=session_id, type=type, limit=limit)
        return await self._records.list(Notification, **dict(wanted))

    @on_the_hub
    async def clear_notifications(self, *, session_id: str | None = None) -> int:
        """Forget those of one session, or all. Returns how many there were."""
        valid(Wanted, session_id=session_id, limit=1)
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
            there = found(before, AlertNotFound(f"there is no alert {id}"))
            return there if there.resolved else there.but(resolved=True)

        return await self._records.change(Alert, id, change, whole("alert-resolved"))

    @on_the_hub
    async def list_alerts(
        self,
        *,
        session_id: str | None = None,
        severity: Severity | None = None,
        resolved: bool | None = None,
        limit: int = 100,
    ) -> Page[Alert]:
        wanted = valid(WantedAlerts, session_id=session_id, severity=severity, resolved=resolved, limit=limit)
        return await self._records.list(Alert, **dict(wanted))
