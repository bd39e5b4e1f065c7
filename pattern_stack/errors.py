"""Every exception that this package raises on purpose.

BroadcastError
├── BroadcastClosed       the backend was closed, or the loop that owned it has ended
├── BroadcastUnavailable  the store behind the backend cannot be reached now: try again
├── InvalidChannel        a channel's name has a wrong form (also a ValueError)
├── InvalidEvent          an event cannot be encoded or is too big (also a ValueError)
├── InvalidURL            a URL names no store that there is (also a ValueError)
├── InvalidSetting        a variable of the environment cannot be read (also a ValueError)
├── NotInstalled          an extra of this package is missing (also an ImportError)
├── Unauthenticated       nobody knows who this is; a hook or `authenticate` raises it to refuse
├── Forbidden             known, but not allowed; a hook raises it to refuse
├── NotFound              there is no such thing; a hook raises it to refuse
├── ServiceError          a feature cannot do what a call asks; each feature's errors.py names its own
└── TooSlow               an in-process listener fell behind its bound
"""


class BroadcastError(Exception):
    """The root: catching it catches whatever this package raises on purpose."""


class BroadcastClosed(BroadcastError):
    """The backend was closed, or the loop that owned it has ended."""


class BroadcastUnavailable(BroadcastError):
    """The store behind the backend cannot be reached now. The same call may work later."""


class InvalidChannel(BroadcastError, ValueError):
    """A channel is 1 to 200 characters out of `A-Z a-z 0-9 _ - . : / @`."""


class InvalidEvent(BroadcastError, ValueError):
    """The event's name or payload cannot go on the wire. Nothing was published."""


class InvalidURL(BroadcastError, ValueError):
    """No store goes by this URL. What it says quotes nothing of the URL but its scheme: there may be a password in it."""


class InvalidSetting(BroadcastError, ValueError):
    """Names the variable of the environment that cannot be read, and quotes nothing of its value."""


class NotInstalled(BroadcastError, ImportError):
    """What an extra of this package brings is not there. Says which one to install."""


class Unauthenticated(BroadcastError):
    """Raised by `authenticate`, `verify_token` or a hook to refuse: nobody knows who this is."""


class Forbidden(BroadcastError):
    """Raised by a channel's hook to refuse: known, but not allowed."""


class NotFound(BroadcastError):
    """Raised by a channel's hook to refuse, and by `listen` when its position is out of the history."""


class ServiceError(BroadcastError):
    """A feature cannot do what a call asks, and has changed nothing. REST answers `status`, `code` and the message."""

    status = 400
    code = "REFUSED"


class TooSlow(BroadcastError):
    """An in-process listener fell more events behind than its bound; what it missed is gone for it."""
