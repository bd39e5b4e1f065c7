"""What the fleet refuses.

ServiceError
├── SessionNotFound   no computer of the fleet is known to have it
├── SessionIsRemote   it belongs to another computer
└── InvalidComputer   a name of another form (also a ValueError)
Strange: what somebody else wrote, and no application ever sees
"""

from pattern_stack.errors import ServiceError


class SessionNotFound(ServiceError):
    """No computer of the fleet is known to have this session."""

    status, code = 404, "SESSION_NOT_FOUND"
    example = "No computer of the fleet is known to have this session."


class SessionIsRemote(ServiceError):
    """The session belongs to another computer: it is changed and deleted there."""

    status, code = 409, "SESSION_IS_REMOTE"
    example = "The session belongs to another computer: it is changed and deleted there."


class InvalidComputer(ServiceError, ValueError):
    """A computer's name is 1 to 100 characters out of `A-Z a-z 0-9 _ . @ -`."""

    status, code = 422, "INVALID_COMPUTER"
    example = "A computer's name is 1 to 100 characters out of `A-Z a-z 0-9 _ . @ -`."


class Strange(Exception):
    """A heartbeat or an entry of a stream that cannot be one of ours. It is counted, and skipped."""
