"""What the fleet refuses.

ServiceError
├── FleetSessionNotFound   404: no computer of the fleet has this session
├── SessionIsRemote        409: the session belongs to another computer
├── FleetFull              409: there are as many sessions, or computers, as FleetLimits allows
├── EntryTooLarge          413: the records of a resource do not fit into one stream entry
└── InvalidComputer        422: not a computer's name (also a ValueError)
Malformed: a heartbeat or an entry that another program wrote wrongly; applications never see it
TodoTooLarge: a todo's file that is left out; applications never see it
"""

from pattern_stack.errors import ServiceError


class FleetSessionNotFound(ServiceError):
    """No computer of the fleet is known to have this session."""

    status, code = 404, "FLEET_SESSION_NOT_FOUND"
    example = "no computer of the fleet has the session 'nightly'"


class SessionIsRemote(ServiceError):
    """The session belongs to another computer. It is changed and deleted there."""

    status, code = 409, "SESSION_IS_REMOTE"
    example = "the session nightly belongs to ben"


class FleetFull(ServiceError):
    """There are as many sessions of one computer, or as many computers, as FleetLimits allows."""

    status, code = 409, "FLEET_FULL"
    example = "ann has 1000 sessions, as many as FleetLimits.sessions allows"


class EntryTooLarge(ServiceError):
    """All records that a computer has of one resource have to fit into one stream entry."""

    status, code = 413, "FLEET_ENTRY_TOO_LARGE"
    example = "all records of a resource together have at most 4194304 bytes (FleetLimits.entry_bytes)"


class InvalidComputer(ServiceError, ValueError):
    """A computer's name is 1 to 100 characters out of `A-Z a-z 0-9 _ . @ -`."""

    status, code = 422, "INVALID_COMPUTER"
    example = "a computer's name is 1 to 100 characters of A-Z a-z 0-9 _ . @ -, not 'a b'"


class Malformed(Exception):
    """A heartbeat or a stream entry that no computer of a fleet writes. It is counted, logged and skipped."""


class TodoTooLarge(Exception):
    """The file of a todo is longer than FleetLimits.todo_bytes. It is left out, and logged."""
