"""The bodies of REST calls, and the lists that some calls answer."""

from pydantic import BaseModel, Field

from pattern_stack.features.notifications.models import (
    Alert,
    CurrentStep,
    Json,
    LongText,
    Metadata,
    Notification,
    NotificationType,
    SessionId,
    Severity,
    ShortText,
    Title,
    TotalSteps,
)


class NewNotification(BaseModel):
    type: NotificationType = "info"
    title: Title = Field(examples=["Import finished"])
    message: LongText = Field("", examples=["12,000 orders"])
    session_id: SessionId | None = None
    metadata: Metadata = {}


class NewAlert(BaseModel):
    severity: Severity
    title: Title = Field(examples=["Disk full"])
    description: LongText = Field("", examples=["/var has 12 MB left"])
    session_id: SessionId | None = None
    metadata: Metadata = {}


class ProgressStart(BaseModel):
    total_steps: TotalSteps = Field(examples=[10])
    step_name: ShortText = Field("", examples=["reading orders"])
    metadata: Metadata = {}


class ProgressUpdate(BaseModel):
    current_step: CurrentStep = Field(examples=[5])
    step_name: ShortText | None = Field(None, examples=["writing orders"])
    """None keeps the name."""
    metadata: Metadata = {}
    """Its keys are added to the metadata that the progress has."""


class RunStart(BaseModel):
    metadata: Metadata = {}


class RunResults(BaseModel):
    results: Json = Field(None, examples=[{"orders": 12_000}])


class RunFailure(BaseModel):
    error_message: LongText = Field(examples=["line 7: no such product"])
    error_type: ShortText = Field(examples=["LookupError"])


class NotificationList(BaseModel):
    notifications: list[Notification]
    total: int


class AlertList(BaseModel):
    alerts: list[Alert]
    total: int


class Removed(BaseModel):
    removed: int
