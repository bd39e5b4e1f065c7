"""Every exception that this package raises on purpose.

PatternStackError
├── BroadcastError            what a backend, its bridge or a hook raises
│   ├── BroadcastClosed       the backend was closed, or the event loop that it ran on has ended
│   ├── BroadcastUnavailable  the store behind the backend cannot be reached now: try again
│   ├── InvalidChannel        a channel's name has a wrong form (also a ValueError)
│   ├── InvalidEvent          an event cannot be encoded or is too big (also a ValueError)
│   ├── InvalidURL            a URL names no store that this package knows (also a ValueError)
│   ├── Unauthenticated       the caller is unknown; a hook or `authenticate` raises it to refuse
│   ├── Forbidden             the caller is known but not allowed; a hook raises it to refuse
│   ├── Rejected              a command's handler raises it to refuse, with a code of its own
│   ├── NotFound              the thing does not exist; a hook raises it to refuse
│   └── TooSlow               an in-process listener fell behind its bound
├── InvalidSetting            an environment variable cannot be read (also a ValueError)
├── NotInstalled              an extra of this package is not installed (also an ImportError)
└── ServiceError              a feature cannot do what a call asks; each feature's errors.py lists its own
"""

from typing import ClassVar


class PatternStackError(Exception):
    """The root: catching it catches every exception that this package raises on purpose."""


class BroadcastError(PatternStackError):
    """The root of what a backend, its bridge or a hook raises."""


class BroadcastClosed(BroadcastError):
    """The backend was closed, or the loop that owned it has ended."""


class BroadcastUnavailable(BroadcastError):
    """The store behind the backend cannot be reached now. The same call may work later."""


class InvalidChannel(BroadcastError, ValueError):
    """A channel is 1 to 200 characters out of `A-Z a-z 0-9 _ - . : / @`."""


class InvalidEvent(BroadcastError, ValueError):
    """The event's name or payload cannot go on the wire. Nothing was published."""


class InvalidURL(BroadcastError, ValueError):
    """No store, or no endpoint, goes by this URL. What it says quotes nothing of the URL but its scheme: there may be a
    password in it."""


class InvalidSetting(PatternStackError, ValueError):
    """An environment variable cannot be read. The message names the variable and quotes nothing of its value."""


class NotInstalled(PatternStackError, ImportError):
    """An extra of this package is not installed. The message names it."""


class Unauthenticated(BroadcastError):
    """Raised by `authenticate`, `verify_token` or a hook to refuse: nobody knows who this is."""


class Forbidden(BroadcastError):
    """Raised by a channel's hook to refuse: known, but not allowed."""


class NotFound(BroadcastError):
    """Raised by a channel's hook to refuse, and by `listen` when its position is out of the history."""


class Rejected(BroadcastError):
    """Raised by a command's handler to refuse: the client gets this code and message. Raises ValueError for a code that is
    not 1 to 64 printable characters."""

    def __init__(self, code: str, message: str = "") -> None:
        if not isinstance(code, str) or not 1 <= len(code) <= 64 or not code.isprintable():
            raise ValueError(f"a code is 1 to 64 printable characters, not {code!r:.80}")
        super().__init__(code, message)
        self.code = code
        self.message = message or code.replace("_", " ")

    def __str__(self) -> str:
        return self.message


class ServiceError(PatternStackError):
    """A feature cannot do what a call asks, and has changed nothing. REST answers `status`, `code` and the message."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "REFUSED"
    example: ClassVar[str] = ""
    """A message as an example, for OpenAPI."""


class TooSlow(BroadcastError):
    """An in-process listener fell more events behind than its bound; what it missed is gone for it."""
