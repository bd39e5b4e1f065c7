"""What a session refuses. Each is answered with its status and code, and nothing has changed.

ServiceError
├── SessionNotFound, NodeNotFound, ProjectNotFound, TemplateNotFound   404
├── InvalidCommand                                                     400
├── InvalidParent, NothingToUndo, NothingToRedo                        409
├── ProjectExists, ProjectInUse, GraphFull                             409
├── InvalidProperty                                                    422
└── StoreUnavailable                                                   503
InvalidTemplate (also a ValueError): raised when templates are loaded
"""

from pattern_stack.errors import PatternStackError, ServiceError


class SessionNotFound(ServiceError):
    """There is no such session."""

    status, code = 404, "SESSION_NOT_FOUND"
    example = "There is no such session."


class NodeNotFound(ServiceError):
    """There is no such node in this session."""

    status, code = 404, "NODE_NOT_FOUND"
    example = "There is no such node in this session."


class ProjectNotFound(ServiceError):
    """There is no such project."""

    status, code = 404, "PROJECT_NOT_FOUND"
    example = "There is no such project."


class TemplateNotFound(ServiceError):
    """There is no such template."""

    status, code = 404, "TEMPLATE_NOT_FOUND"
    example = "There is no such template."


class InvalidCommand(ServiceError):
    """There is no such command, or the session's template has no such node type."""

    status, code = 400, "INVALID_COMMAND"
    example = "There is no such command, or the session's template has no such node type."


class InvalidParent(ServiceError):
    """The one may not stand, or does not stand, under the other."""

    status, code = 409, "INVALID_PARENT"
    example = "The one may not stand, or does not stand, under the other."


class NothingToUndo(ServiceError):
    """No command is left to undo."""

    status, code = 409, "NOTHING_TO_UNDO"
    example = "No command is left to undo."


class NothingToRedo(ServiceError):
    """No command is left to redo."""

    status, code = 409, "NOTHING_TO_REDO"
    example = "No command is left to redo."


class ProjectExists(ServiceError):
    """This session has a project."""

    status, code = 409, "PROJECT_EXISTS"
    example = "This session has a project."


class ProjectInUse(ServiceError):
    """The project is live in another session."""

    status, code = 409, "PROJECT_IN_USE"
    example = "The project is live in another session."


class GraphFull(ServiceError):
    """The graph would have more nodes than one may have, or kits would make it too big."""

    status, code = 409, "GRAPH_FULL"
    example = "The graph would have more nodes than one may have, or kits would make it too big."


class InvalidProperty(ServiceError):
    """The node's type has no such property, or the value is of the wrong type for it."""

    status, code = 422, "INVALID_PROPERTY"
    example = "The node's type has no such property, or the value is of the wrong type for it."


class StoreUnavailable(ServiceError):
    """The store of projects cannot be reached now."""

    status, code = 503, "STORE_UNAVAILABLE"
    example = "The store of projects cannot be reached now."


class InvalidTemplate(PatternStackError, ValueError):
    """A template's file cannot be used. It says which one, and in which line."""
