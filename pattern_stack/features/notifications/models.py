"""What is reported. A record is frozen, and its JSON is the same in an event, in an answer and in a store."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from pattern_stack.atoms.clock import Time
from pattern_stack.atoms.json import faults, is_finite, plain
from pattern_stack.features.notifications.errors import InvalidReport

NotificationType = Literal["info", "warning", "error", "success", "progress"]
Severity = Literal["low", "medium", "high", "critical"]
RunState = Literal["pending", "running", "completed", "failed", "cancelled"]

SESSION_ID = r"^[A-Za-z0-9_\-.:@]{1,180}$"
"""The name of a run, which is part of a channel's name."""
PAGE_RECORDS = 1_000
"""The most records that one page may be asked for."""
LAST_PLACE = 2**53
"""The greatest `before` of a page."""
JSON_BYTES = 64 * 1024
"""The most bytes that metadata may have when encoded, and that results may have."""

_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def frozen(value: Any) -> Any:
    """A copy that shares nothing with `value`.

    Raises ValueError if it is not JSON within the bounds of `atoms/json.py`, or has more than JSON_BYTES bytes.
    """
    try:
        data = orjson.dumps(value, option=_PLAIN)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if len(data) > JSON_BYTES:
        raise ValueError(f"{len(data)} bytes of JSON, and at most {JSON_BYTES} are kept")
    if b"null" in data and not is_finite(value):  # orjson writes NaN as null
        raise ValueError("NaN and Infinity are not JSON")
    return plain(orjson.loads(data))


SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID), Field(examples=["nightly-import"])]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ShortText = Annotated[str, StringConstraints(max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=10_000)]
TotalSteps = Annotated[StrictInt, Field(ge=1, le=2**53)]
CurrentStep = Annotated[StrictInt, Field(ge=0, le=2**53)]
Json = Annotated[Any, AfterValidator(frozen)]
Metadata = Annotated[dict[str, Any], AfterValidator(frozen), Field(examples=[{"file": "orders.csv"}])]

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], **values: Any) -> M:
    """The model with these values. Raises InvalidReport if it does not take one of them."""
    try:
        return model(**values)
    except ValidationError as error:
        raise InvalidReport(faults(error.errors())) from None


def merged(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> dict[str, Any]:
    """`old` with the keys of `new` set. Raises InvalidReport if `new` is neither a mapping nor None."""
    if new is not None and not isinstance(new, Mapping):
        raise InvalidReport(f"metadata: a JSON object is needed, not {type(new).__name__}")
    return {**old, **(new or {})}


class Record(BaseModel):
    """What a store keeps: it has a kind, and a key that no other record of that kind has."""

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[str]
    filters: ClassVar[tuple[str, ...]] = ()
    """The fields by which a list can be filtered."""

    timestamp: Time

    @property
    def key(self) -> str:
        raise NotImplementedError

    @property
    def payload(self) -> dict[str, Any]:
        """The record as an event carries it."""
        return self.model_dump(mode="json")

    @classmethod
    def new(cls, **values: Any) -> Self:
        """Raises InvalidReport if a value is not allowed."""
        return validated(cls, **values)

    def replace(self, **values: Any) -> Self:
        """A copy with other values. Raises InvalidReport if one is not allowed."""
        return self.new(**{**dict(self), **values})


R = TypeVar("R", bound=Record)


class Notification(Record):
    """A message to the subscribers of its channel."""

    kind = "notifications"
    filters = ("session_id", "type")

    id: str
    type: NotificationType = "info"
    title: Title = Field(examples=["Import finished"])
    message: LongText = Field("", examples=["12,000 orders"])
    session_id: SessionId | None = None
    metadata: Metadata = {}
    acknowledged: bool = False

    @property
    def key(self) -> str:
        return self.id


class Alert(Record):
    """A message that asks somebody to act. It is open until it is resolved."""

    kind = "alerts"
    filters = ("session_id", "severity", "resolved")

    id: str
    severity: Severity
    title: Title = Field(examples=["Disk full"])
    description: LongText = Field("", examples=["/var has 12 MB left"])
    session_id: SessionId | None = None
    resolved: bool = False
    metadata: Metadata = {}

    @property
    def key(self) -> str:
        return self.id


class SessionRecord(Record):
    """A session has at most one record of each such kind. Its events go to the session's channel."""

    session_id: SessionId

    @property
    def key(self) -> str:
        return self.session_id


class Progress(SessionRecord):
    """How far a run is. Durations are in seconds; the remaining time is estimated, and null at step 0."""

    kind = "progress"

    current_step: CurrentStep = 0
    total_steps: TotalSteps
    step_name: ShortText = Field("", examples=["reading orders"])
    progress_percentage: float = 0.0
    started_at: Time
    elapsed_time: float = 0.0
    remaining_time: float | None = None
    estimated_completion: Time | None = None
    metadata: Metadata = {}


class Run(SessionRecord):
    """Whether a run is pending, is running, or how it ended."""

    kind = "runs"
    filters = ("state",)

    state: RunState
    started_at: Time | None = None
    ended_at: Time | None = None
    metadata: Metadata = {}
    results: Json = None
    error_message: LongText | None = None
    error_type: ShortText | None = None


class SystemStatus(BaseModel):
    """Counts of the records that are kept.

    `active_sessions` counts runs that are pending or running, and sessions that have progress but no run.
    """

    active_sessions: int
    total_notifications: int
    total_alerts: int
    unresolved_alerts: int
    alert_counts_by_severity: dict[Severity, int]
    timestamp: Time


class Page(BaseModel, Generic[R]):
    """Records that match, newest first: as many as were asked for, or those that fit in 1 MiB."""

    records: list[R]
    total: int
    """How many records match, on all pages."""
    next: int | None = None
    """Passed as `before`, it gives the page that follows. None at the end."""


class Filter(BaseModel):
    """What a list is asked for. None matches every value."""

    session_id: SessionId | None = None
    limit: Annotated[StrictInt, Field(ge=1, le=PAGE_RECORDS)] = 1
    before: Annotated[StrictInt, Field(ge=1, le=LAST_PLACE)] | None = None


class NotificationFilter(Filter):
    type: NotificationType | None


class AlertFilter(Filter):
    severity: Severity | None
    resolved: StrictBool | None
