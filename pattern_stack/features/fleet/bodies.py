"""What the REST calls take, and the lists that they answer."""

from pydantic import BaseModel, Field

from pattern_stack.features.fleet.models import Computer, Line, Path, Project, Session, SessionId, Todo


class SessionBody(BaseModel):
    """A session as its own computer tells of it. What an update leaves out stays as it is."""

    session_id: SessionId | None = Field(default=None, description="a new one where it is left out")
    title: Line
    origin: Line = "api"
    working_directory: Path | None = None
    status: Line = "active"


class FleetSessionList(BaseModel):
    sessions: list[Session]
    total: int


class ComputerList(BaseModel):
    computers: list[Computer]
    total: int


class ProjectList(BaseModel):
    projects: list[Project]
    total: int


class TodoList(BaseModel):
    todos: list[Todo]
    total: int
