"""What the fleet refuses."""

from pattern_stack.errors import ServiceError


class SessionNotFound(ServiceError):
    """No computer of the fleet is known to have this session."""

    status = 404
    code = "SESSION_NOT_FOUND"


class SessionIsRemote(ServiceError):
    """The session belongs to another computer: it is changed and deleted there."""

    status = 409
    code = "SESSION_IS_REMOTE"


class InvalidComputer(ServiceError, ValueError):
    """A computer's name is 1 to 100 characters out of `A-Z a-z 0-9 _ . @ -`."""

    status = 422
    code = "INVALID_COMPUTER"


class Strange(Exception):
    """A heartbeat or an entry of a stream that cannot be one of ours. It is counted, and skipped."""
