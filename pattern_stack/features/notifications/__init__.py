"""Notifications: the live state of long-running work, for those who watch it. docs/notifications.md explains it.

notifications = Notifications(broadcast)
app.include_router(notifications.get_router())

await notifications.send("Import finished")            # async code
notifications.sync.send("Import finished")             # a sync endpoint, a worker thread
with notifications.progress("import", total=100) as p: # a worker thread
    p.advance(step_name="reading orders")
"""

from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features.notifications.errors import (
    AlertNotFound,
    InvalidReport,
    NotificationNotFound,
    ProgressNotFound,
    RunFinished,
    RunNotFound,
)
from pattern_stack.features.notifications.feature import Notifications
from pattern_stack.features.notifications.models import Alert, Notification, Page, Progress, Run, SystemStatus
from pattern_stack.features.notifications.records import EVERYONE
from pattern_stack.features.notifications.report import Report
from pattern_stack.features.notifications.store import MemoryStore, Retention, Row, Store
from pattern_stack.features.notifications.worker import WorkerProgress

__all__ = [
    "EVERYONE",
    "Alert",
    "AlertNotFound",
    "Clock",
    "Ids",
    "InvalidReport",
    "MemoryStore",
    "Notification",
    "NotificationNotFound",
    "Notifications",
    "Page",
    "Progress",
    "ProgressNotFound",
    "Report",
    "Retention",
    "Row",
    "Run",
    "RunFinished",
    "RunNotFound",
    "Store",
    "SystemStatus",
    "WorkerProgress",
    "add_exception_handlers",
]
