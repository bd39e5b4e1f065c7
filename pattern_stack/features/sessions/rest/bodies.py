"""The bodies of requests and answers."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pattern_stack.features.sessions.core.commands import Command, Name, PropertyId, PropertyValue, TypeId, Uuid
from pattern_stack.features.sessions.core.schema import TemplateSummary
from pattern_stack.features.sessions.models import SessionSummary

TemplateId = Annotated[str, Field(min_length=1, max_length=200, examples=["restomod"])]


class Body(BaseModel):
    """The body of a request. A key that it does not know is refused: it would be a misspelt one."""

    model_config = ConfigDict(extra="forbid")


class NewProject(Body):
    name: Name
    template_id: TemplateId


class NewProjectAndSession(Body):
    project_name: Name
    template_id: TemplateId


class TemplateChoice(Body):
    template_id: TemplateId


class Cleanup(Body):
    max_inactive_hours: float = Field(default=24, ge=0, allow_inf_nan=False)


class NewChild(Body):
    blueprint_type_id: TypeId
    name: Name


class NewLink(Body):
    child_id: Uuid


class NewValue(Body):
    property_id: PropertyId
    value: PropertyValue


class Execution(Body):
    """`data` has the fields of the command."""

    session_id: Uuid
    command_type: str = Field(max_length=200, json_schema_extra={"enum": [*Command.types]})
    data: dict[str, Any] = Field(
        json_schema_extra={"anyOf": [command.model_json_schema() for command in Command.types.values()]}
    )


class Health(BaseModel):
    status: str = "ok"


class SessionCreated(BaseModel):
    session_id: str


class SessionList(BaseModel):
    sessions: list[SessionSummary]
    total: int


class CleanedUp(BaseModel):
    sessions_removed: int
    active_sessions: int


class TemplateList(BaseModel):
    templates: list[TemplateSummary]
    total: int


class NodeAnswer(BaseModel):
    """A node with its children as ids."""

    id: str
    blueprint_type_id: str
    name: str
    created_at: str
    properties: dict[str, Any]
    children: list[str]
    parent_id: str | None


class Branch(BaseModel):
    """A node that contains its children."""

    id: str
    blueprint_type_id: str
    name: str
    created_at: str
    properties: dict[str, Any]
    children: list["Branch"]
    parent_id: str | None


class Tree(BaseModel):
    roots: list[Branch]


class ExecutedAnswer(BaseModel):
    """`node_id` is there where the command changed a single node; `graph` unless the query said `graph=false`."""

    success: bool = True
    command_id: str
    node_id: str | None = None
    graph: Tree | None = None
    undo_available: bool
    redo_available: bool


class ProjectAnswer(BaseModel):
    project_id: str
    name: str
    template_id: str


class ProjectCreated(BaseModel):
    project_id: str
    graph: Tree


class ProjectInSession(ProjectCreated):
    session_id: str


class SavedNode(BaseModel):
    type: str
    name: str
    created_at: str
    properties: dict[str, Any]
    children: list[str]
    parent_id: str | None


class SavedForm(ProjectAnswer):
    """Parents come before their children; roots and siblings are in their order."""

    version: int
    templates: list[dict[str, Any]]
    nodes: dict[str, SavedNode]
