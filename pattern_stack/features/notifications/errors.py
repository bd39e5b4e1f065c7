"""Why notifications refuse a call. Whatever is raised here, nothing was changed and nothing published.

ServiceError
├── InvalidReport         a value that cannot be reported (also a ValueError)
├── NotificationNotFound
├── AlertNotFound
├── ProgressNotFound      no progress was started for that session, or it is over
├── RunNotFound           no run has begun under that session id
└── RunFinished           the run has ended, and stays as it ended
"""

from pattern_stack.errors import ServiceError


class InvalidReport(ServiceError, ValueError):
    """current_step: it is 0 to 10, not 11"""

    status, code = 422, "VALIDATION_ERROR"
    example = "current_step: it is 0 to 10, not 11"


class NotificationNotFound(ServiceError):
    """There is no notification 7d0e."""

    status, code = 404, "NOTIFICATION_NOT_FOUND"
    example = "There is no notification 7d0e."


class AlertNotFound(ServiceError):
    """There is no alert 7d0e."""

    status, code = 404, "ALERT_NOT_FOUND"
    example = "There is no alert 7d0e."


class ProgressNotFound(ServiceError):
    """There is no progress of nightly-import."""

    status, code = 404, "PROGRESS_NOT_FOUND"
    example = "There is no progress of nightly-import."


class RunNotFound(ServiceError):
    """There is no run nightly-import."""

    status, code = 404, "RUN_NOT_FOUND"
    example = "There is no run nightly-import."


class RunFinished(ServiceError):
    """The run nightly-import is completed."""

    status, code = 409, "RUN_FINISHED"
    example = "The run nightly-import is completed."
