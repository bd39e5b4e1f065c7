"""What the REST calls take, and the lists that they answer."""

from pydantic import BaseModel, Field

from pattern_stack.features.notifications.metadata import Json, Metadata
from pattern_stack.features.notifications.models import (
    Alert,
    Line,
    Notification,
    NotificationType,
    SessionId,
    Severity,
    Step,
    Text,
    Title,
    Total,
)


class NewNotification(BaseModel):
    type: NotificationType = "info"
    title: Title = Field(examples=["Import finished"])
    message: Text = Field("", examples=["12,000 orders"])
    session_id: SessionId | None = None
    metadata: Metadata = {}


class NewAlert(BaseModel):
    severity: Severity
    title: Title = Field(examples=["Disk full"])
    description: Text = Field("", examples=["/var has 12 MB left"])
    session_id: SessionId | None = None
    metadata: Metadata = {}


class ProgressStart(BaseModel):
    total_steps: Total = Field(examples=[10])
    step_name: Line = Field("", examples=["reading orders"])
    metadata: Metadata = {}


class ProgressUpdate(BaseModel):
    current_step: Step = Field(examples=[5])
    step_name: Line | None = Field(None, examples=["writing orders"])
    """Left out: it stays as it is."""
    metadata: Metadata = {}
    """Merged into what is there."""


class RunStart(BaseModel):
    metadata: Metadata = {}


class RunResults(BaseModel):
    results: Json = Field(None, examples=[{"orders": 12_000}])


class RunFailure(BaseModel):
    error_message: Text = Field(examples=["line 7: no such product"])
    error_type: Line = Field(examples=["LookupError"])


class NotificationList(BaseModel):
    notifications: list[Notification]
    total: int


class AlertList(BaseModel):
    alerts: list[Alert]
    total: int


class Removed(BaseModel):
    removed: int
