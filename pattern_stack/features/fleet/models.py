"""What a fleet knows. It is the same on the wire between computers, over REST and in events."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pattern_stack.atoms.clock import Time
from pattern_stack.atoms.json import Value

NAME = r"^[A-Za-z0-9_.@-]{1,100}$"


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("it is outside of the calendar in UTC") from None


Moment = Annotated[Time, AfterValidator(_in_utc)]
"""A time that names no zone is in UTC."""
Stats = dict[str, Value]
Name = Annotated[str, StringConstraints(pattern=NAME)]
"""Of a computer."""
Line = Annotated[str, StringConstraints(max_length=1_000)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Path = Annotated[str, StringConstraints(max_length=4_096)]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,200}$")]


class Fact(BaseModel):
    """Frozen, and equal where all of it is equal. What it has no field for is left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(mode="json")


class Computer(Fact):
    name: Name
    status: str
    """online; conflict: another one goes by the same name; offline: in its last event alone."""
    last_seen: Moment
    user: Line | None = None
    host: Line | None = None
    role: Line | None = None
    system_stats: Stats = Field(default_factory=dict)


class Owned(Fact):
    """What a computer has. What others leave out of theirs is as here."""

    computer: Name


class Session(Owned):
    session_id: SessionId
    origin: Line = ""
    title: Line = ""
    working_directory: Path | None = None
    status: Line = "active"
    created_at: Moment
    last_activity: Moment


class Project(Owned):
    name: Line = ""
    description: Text = ""
    path: Path


class Todo(Owned):
    slug: Line
    status: Line = "pending"
    description: Text = ""
    has_requirements: bool = False
    has_implementation_plan: bool = False
    project: Path
    """Its path."""
