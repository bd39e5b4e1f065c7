"""The records of a fleet. They are the same in stream entries, over REST and in events."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pattern_stack.atoms.clock import Time
from pattern_stack.atoms.json import Value

COMPUTER_NAME = r"^[A-Za-z0-9_.@-]{1,100}$"


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("it is outside of the calendar in UTC") from None


UTCTime = Annotated[Time, AfterValidator(_in_utc)]
"""A time without a zone is taken as UTC."""
Stats = dict[str, Value]
ComputerName = Annotated[str, StringConstraints(pattern=COMPUTER_NAME)]
ShortText = Annotated[str, StringConstraints(max_length=1_000)]
LongText = Annotated[str, StringConstraints(max_length=10_000)]
PathText = Annotated[str, StringConstraints(max_length=4_096)]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,200}$")]


class Record(BaseModel):
    """Frozen; equal where all fields are equal. Unknown fields are dropped."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    def as_json(self) -> dict[str, Any]:
        """As REST, events and stream entries have it."""
        return self.model_dump(mode="json")


class Computer(Record):
    """One computer of the fleet, as the others know it."""

    name: ComputerName
    status: str
    """`online`; `conflict`: another computer has the same name; `offline`: in the last event of a computer only."""
    last_seen: UTCTime
    user: ShortText | None = None
    host: ShortText | None = None
    role: ShortText | None = None
    system_stats: Stats = Field(default_factory=dict)


class OwnedRecord(Record):
    """What belongs to one computer. Other programs may leave out the fields that have a default."""

    computer: ComputerName


class FleetSession(OwnedRecord):
    """A session that its computer shows to the others."""

    session_id: SessionId
    origin: ShortText = ""
    title: ShortText = ""
    working_directory: PathText | None = None
    status: ShortText = "active"
    created_at: UTCTime
    last_activity: UTCTime


class FleetProject(OwnedRecord):
    """A project in the directory of its computer."""

    name: ShortText = ""
    description: LongText = ""
    path: PathText


class Todo(OwnedRecord):
    """A todo in a project's directory."""

    slug: ShortText
    status: ShortText = "pending"
    description: LongText = ""
    has_requirements: bool = False
    has_implementation_plan: bool = False
    project: PathText
    """The path of its project."""
