"""Sessions: several people edit one project graph live. docs/sessions.md explains it.

Where projects are kept is a ProjectStore. The one in a database is `pattern_stack.features.sessions.sql.SQLStore`, apart,
because it needs SQLAlchemy.
"""

from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features.sessions.core.commands import (
    ApplyKit,
    Command,
    CreateNode,
    DeleteNode,
    LinkNode,
    UnlinkNode,
    UpdateProperty,
)
from pattern_stack.features.sessions.core.saved_form import Project
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import (
    GraphFull,
    InvalidCommand,
    InvalidParent,
    InvalidProperty,
    InvalidTemplate,
    NodeFull,
    NodeNotFound,
    NothingToRedo,
    NothingToUndo,
    ProjectExists,
    ProjectInUse,
    ProjectNotFound,
    SessionNotFound,
    SessionsFull,
    SessionUnavailable,
    StoreUnavailable,
    TemplateNotFound,
    TooManySessions,
)
from pattern_stack.features.sessions.feature import Sessions
from pattern_stack.features.sessions.service import Outcome
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store import ProjectStore

__all__ = [
    "ApplyKit",
    "Clock",
    "Command",
    "CreateNode",
    "DeleteNode",
    "GraphFull",
    "Ids",
    "InvalidCommand",
    "InvalidParent",
    "InvalidProperty",
    "InvalidTemplate",
    "LinkNode",
    "NodeFull",
    "NodeNotFound",
    "NothingToRedo",
    "NothingToUndo",
    "Outcome",
    "Project",
    "ProjectExists",
    "ProjectInUse",
    "ProjectNotFound",
    "ProjectStore",
    "Session",
    "SessionNotFound",
    "SessionUnavailable",
    "Sessions",
    "SessionsFull",
    "StoreUnavailable",
    "Template",
    "TemplateNotFound",
    "TooManySessions",
    "UnlinkNode",
    "UpdateProperty",
    "add_exception_handlers",
]
