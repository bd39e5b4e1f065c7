"""How all of it stands, in counts."""

from typing import get_args

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.models import (
    Alert,
    Notification,
    Progress,
    Run,
    Severity,
    SystemStatus,
)
from pattern_stack.features.notifications.records import EVERYONE


class StatusCalls(HubCalls):
    """What is kept now."""

    @on_the_hub
    async def status(self) -> SystemStatus:
        return await self._status()

    @on_the_hub
    async def publish_status(self) -> SystemStatus:
        """Tells everyone."""
        status = await self._status()
        await self.broadcast.broadcast(EVERYONE, "system-status", status.model_dump(mode="json"))
        return status

    async def _status(self) -> SystemStatus:
        keys = self._records.keys
        active = await keys(Run, state="running") | await keys(Run, state="pending")
        severities: dict[Severity, int] = {
            severity: len(await keys(Alert, severity=severity)) for severity in get_args(Severity)
        }
        return SystemStatus(
            active_sessions=len(active | (await keys(Progress) - await keys(Run))),
            total_notifications=len(await keys(Notification)),
            total_alerts=sum(severities.values()),
            unresolved_alerts=len(await keys(Alert, resolved=False)),
            alert_counts_by_severity=severities,
            timestamp=self._clock(),
        )
