"""The errors of sessions. Where one is raised, nothing has changed. REST answers its status and code.

ServiceError
├── SessionNotFound, NodeNotFound, ProjectNotFound, TemplateNotFound   404
├── InvalidCommand                                                     400
├── InvalidParent, NothingToUndo, NothingToRedo                        409
├── ProjectExists, ProjectInUse, GraphFull, NodeFull                   409
├── InvalidProperty                                                    422
└── StoreUnavailable, TooManySessions, SessionsFull, SessionUnavailable 503
InvalidTemplate (also a ValueError): raised when templates are loaded
"""

from pattern_stack.errors import PatternStackError, ServiceError


class SessionNotFound(ServiceError):
    """There is no such session."""

    status, code = 404, "SESSION_NOT_FOUND"
    example = "there is no session '2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11'"


class NodeNotFound(ServiceError):
    """There is no such node in this session."""

    status, code = 404, "NODE_NOT_FOUND"
    example = "there is no node '2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11' here"


class ProjectNotFound(ServiceError):
    """There is no such project."""

    status, code = 404, "PROJECT_NOT_FOUND"
    example = "there is no project '2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11'"


class TemplateNotFound(ServiceError):
    """There is no such template."""

    status, code = 404, "TEMPLATE_NOT_FOUND"
    example = "there is no template 'kitchen'"


class InvalidCommand(ServiceError):
    """There is no such command, or the session's template has no such node type."""

    status, code = 400, "INVALID_COMMAND"
    example = "the template restomod has no node type 'wing'"


class InvalidParent(ServiceError):
    """The parent does not take the node, or the node is not its child, or the graph would be too deep."""

    status, code = 409, "INVALID_PARENT"
    example = "a job takes no project_root under it"


class NothingToUndo(ServiceError):
    """No command is left to undo."""

    status, code = 409, "NOTHING_TO_UNDO"
    example = "there is nothing to undo"


class NothingToRedo(ServiceError):
    """No command is left to redo."""

    status, code = 409, "NOTHING_TO_REDO"
    example = "there is nothing to redo"


class ProjectExists(ServiceError):
    """The session has a project already."""

    status, code = 409, "PROJECT_EXISTS"
    example = "this session has a project"


class ProjectInUse(ServiceError):
    """The project is live in another session."""

    status, code = 409, "PROJECT_IN_USE"
    example = "the project is live in another session"


class GraphFull(ServiceError):
    """The graph would have more nodes, or more bytes, than a graph may have."""

    status, code = 409, "GRAPH_FULL"
    example = "a graph has at most 50000 nodes"


class NodeFull(ServiceError):
    """The node would have more bytes than a node may have."""

    status, code = 409, "NODE_FULL"
    example = "a node has at most 2097152 bytes"


class InvalidProperty(ServiceError):
    """The node's type has no such property, or the value is of the wrong type for it."""

    status, code = 422, "INVALID_PROPERTY"
    example = "a job has no property 'wings'"


class StoreUnavailable(ServiceError):
    """The store of projects cannot be reached now."""

    status, code = 503, "STORE_UNAVAILABLE"
    example = "the store of projects cannot be reached now"


class SessionUnavailable(ServiceError):
    """The session cannot be reached now, as where instances share it and their store is away. After 5 s at most.

    A change may have been made, or not: repeated with the same X-Command-Id it is made once.
    """

    status, code = 503, "SESSION_UNAVAILABLE"
    example = "the session cannot be reached now"


class TooManySessions(ServiceError):
    """This instance has as many sessions as it may have. A cleanup, or closing one, makes room."""

    status, code = 503, "TOO_MANY_SESSIONS"
    example = "there are 10000 sessions already"


class SessionsFull(ServiceError):
    """The sessions of this instance hold as many bytes as they may. A cleanup, or closing one, makes room."""

    status, code = 503, "SESSIONS_FULL"
    example = "the sessions hold 536870912 bytes already"


class InvalidTemplate(PatternStackError, ValueError):
    """A template's file cannot be used. The message names the file, the line and the reason."""
