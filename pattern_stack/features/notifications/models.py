"""What is reported. A record is frozen, and its JSON is the same in an event, in an answer and in a store."""

from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, ValidationError

from pattern_stack.atoms.clock import Time
from pattern_stack.atoms.json import faults
from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.metadata import Json, Metadata

NotificationType = Literal["info", "warning", "error", "success", "progress"]
Severity = Literal["low", "medium", "high", "critical"]
RunState = Literal["pending", "running", "completed", "failed", "cancelled"]

SESSION_ID = r"^[A-Za-z0-9_\-.:@]{1,180}$"
"""A session names a run, and is part of a channel's name."""
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID), Field(examples=["nightly-import"])]
Line = Annotated[str, StringConstraints(max_length=200)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
MOST = 1_000
"""Records that one list has at most."""
Total = Annotated[StrictInt, Field(ge=1, le=2**53)]
Step = Annotated[StrictInt, Field(ge=0, le=2**53)]


M = TypeVar("M", bound=BaseModel)


def valid(model: type[M], **values: Any) -> M:
    """InvalidReport, where a value is none that the model takes."""
    try:
        return model(**values)
    except ValidationError as error:
        raise InvalidReport(faults(error.errors())) from None


class Record(BaseModel):
    """Something with a key of its own, of one kind, and what it can be listed by."""

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[str]
    listed_by: ClassVar[tuple[str, ...]] = ()

    timestamp: Time

    @property
    def key(self) -> str:
        raise NotImplementedError

    @property
    def payload(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """InvalidReport, where a value is none that can be reported."""
        return valid(cls, **values)

    def but(self, **values: Any) -> Self:
        """The same with other values; InvalidReport as `of`."""
        return self.of(**{**dict(self), **values})


R = TypeVar("R", bound=Record)


class Notification(Record):
    """Something that whoever watches may want to know."""

    kind = "notifications"
    listed_by = ("session_id", "type")

    id: str
    type: NotificationType = "info"
    title: Title = Field(examples=["Import finished"])
    message: Text = Field("", examples=["12,000 orders"])
    session_id: SessionId | None = None
    metadata: Metadata = {}
    acknowledged: bool = False

    @property
    def key(self) -> str:
        return self.id


class Alert(Record):
    """Something that somebody has to see to, until it is resolved."""

    kind = "alerts"
    listed_by = ("session_id", "severity", "resolved")

    id: str
    severity: Severity
    title: Title = Field(examples=["Disk full"])
    description: Text = Field("", examples=["/var has 12 MB left"])
    session_id: SessionId | None = None
    resolved: bool = False
    metadata: Metadata = {}

    @property
    def key(self) -> str:
        return self.id


class OfSession(Record):
    """There is one of its kind a session, and whoever watches that session is told of it."""

    session_id: SessionId

    @property
    def key(self) -> str:
        return self.session_id


class Progress(OfSession):
    """How far something is. Durations are seconds; what is left is estimated from what is done, and null at step 0."""

    kind = "progress"

    current_step: Step = 0
    total_steps: Total
    step_name: Line = Field("", examples=["reading orders"])
    progress_percentage: float = 0.0
    started_at: Time
    elapsed_time: float = 0.0
    remaining_time: float | None = None
    estimated_completion: Time | None = None
    metadata: Metadata = {}


class Run(OfSession):
    """Whether something runs, and how it ended."""

    kind = "runs"
    listed_by = ("state",)

    state: RunState
    started_at: Time | None = None
    ended_at: Time | None = None
    metadata: Metadata = {}
    results: Json = None
    error_message: Text | None = None
    error_type: Line | None = None


class SystemStatus(BaseModel):
    """Counts of what is kept. A session is active while its run is pending or running, or has progress and no run."""

    active_sessions: int
    total_notifications: int
    total_alerts: int
    unresolved_alerts: int
    alert_counts_by_severity: dict[Severity, int]
    timestamp: Time


class Page(BaseModel, Generic[R]):
    """The newest that match, newest first, and how many match in all."""

    records: list[R]
    total: int


class Wanted(BaseModel):
    """What a list is asked for. None: whatever it is."""

    session_id: SessionId | None
    limit: Annotated[StrictInt, Field(ge=1, le=MOST)]


class WantedNotifications(Wanted):
    type: NotificationType | None


class WantedAlerts(Wanted):
    severity: Severity | None
    resolved: StrictBool | None
