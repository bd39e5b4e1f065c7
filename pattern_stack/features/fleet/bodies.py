"""What the REST calls take, and the lists that they answer."""

from pydantic import BaseModel, Field

from pattern_stack.features.fleet.models import (
    Computer,
    ComputerName,
    FleetProject,
    FleetSession,
    PathText,
    SessionId,
    ShortText,
    Todo,
)


class FleetSessionBody(BaseModel):
    """A session of this computer. An update keeps the fields that are left out."""

    session_id: SessionId | None = Field(default=None, description="a new one where it is left out")
    title: ShortText
    origin: ShortText = "api"
    working_directory: PathText | None = None
    status: ShortText = "active"


class FleetSessionList(BaseModel):
    sessions: list[FleetSession]
    total: int


class ComputerList(BaseModel):
    computers: list[Computer]
    total: int
    this_computer: ComputerName = Field(description="the one that answers: its sessions can be changed here")


class FleetProjectList(BaseModel):
    projects: list[FleetProject]
    total: int


class TodoList(BaseModel):
    todos: list[Todo]
    total: int
