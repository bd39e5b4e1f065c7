"""Why notifications refuse a call. Where one of these is raised, nothing was changed and nothing published.

ServiceError
├── InvalidReport         a value is not allowed (also a ValueError)
├── NotificationNotFound
├── AlertNotFound
├── ProgressNotFound      the session has no progress: none was started, or it is completed or failed
├── RunNotFound           no run of this session id was announced or started
└── RunFinished           the run has ended, and its record no longer changes
"""

from pattern_stack.errors import ServiceError


class InvalidReport(ServiceError, ValueError):
    """A value is not allowed. The message names the field."""

    status, code = 422, "VALIDATION_ERROR"
    example = "current_step must be 0 to 10, not 11"


class NotificationNotFound(ServiceError):
    """No notification has this id: it was cleared, or is no longer kept."""

    status, code = 404, "NOTIFICATION_NOT_FOUND"
    example = "There is no notification 7d0e."


class AlertNotFound(ServiceError):
    """No alert has this id, or it is no longer kept."""

    status, code = 404, "ALERT_NOT_FOUND"
    example = "There is no alert 7d0e."


class ProgressNotFound(ServiceError):
    """The session has no progress: none was started, or it is completed or failed."""

    status, code = 404, "PROGRESS_NOT_FOUND"
    example = "There is no progress of nightly-import."


class RunNotFound(ServiceError):
    """No run of this session id was announced or started."""

    status, code = 404, "RUN_NOT_FOUND"
    example = "There is no run nightly-import."


class RunFinished(ServiceError):
    """The run has ended, and its record no longer changes."""

    status, code = 409, "RUN_FINISHED"
    example = "The run nightly-import is completed."
