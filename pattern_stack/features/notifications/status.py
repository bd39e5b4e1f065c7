"""How all of it stands, in counts."""

from datetime import datetime
from typing import get_args

from pattern_stack.features.notifications.models import (
    Alert,
    Notification,
    Progress,
    Run,
    Severity,
    SystemStatus,
)
from pattern_stack.features.notifications.records import Records


async def status_of(records: Records, now: datetime) -> SystemStatus:
    runs = await records.keys(Run)
    active = await records.keys(Run, state="running") | await records.keys(Run, state="pending")
    severities: dict[Severity, int] = {
        severity: len(await records.keys(Alert, severity=severity)) for severity in get_args(Severity)
    }
    return SystemStatus(
        active_sessions=len(active | (await records.keys(Progress) - runs)),
        total_notifications=len(await records.keys(Notification)),
        total_alerts=sum(severities.values()),
        unresolved_alerts=len(await records.keys(Alert, resolved=False)),
        alert_counts_by_severity=severities,
        timestamp=now,
    )
