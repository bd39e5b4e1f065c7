"""The calls about everything that is kept, in counts."""

from typing import get_args

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.models import Alert, Notification, Progress, Run, Severity, SystemStatus
from pattern_stack.features.notifications.records import EVERYONE


class StatusCalls(HubCalls):
    """Counts of the records in the store, which instances on one Redis share."""

    @on_the_hub
    async def status(self) -> SystemStatus:
        """Count the records that are kept now."""
        return await self._status()

    @on_the_hub
    async def publish_status(self, *, origin: str | None = None) -> SystemStatus:
        """Count the records, and publish the counts as `system-status` on `notifications`."""
        status = await self._status()
        await self.broadcast.broadcast(EVERYONE, "system-status", status, origin=origin)
        return status

    async def _status(self) -> SystemStatus:
        keys, count = self._records.keys, self._records.count
        active = await keys(Run, state="running") | await keys(Run, state="pending")
        severities: dict[Severity, int] = {
            severity: await count(Alert, severity=severity) for severity in get_args(Severity)
        }
        return SystemStatus(
            active_sessions=len(active | (await keys(Progress) - await keys(Run))),
            total_notifications=await count(Notification),
            total_alerts=sum(severities.values()),
            unresolved_alerts=await count(Alert, resolved=False),
            alert_counts_by_severity=severities,
            timestamp=self._clock(),
        )
