"""How a connection sees its socket, whatever writes to it; and what an endpoint and a server with a lane of its own agree on."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.transport import Transport

EXTENSION = "pattern_stack.frames"
"""The key of the ASGI extension with which a server offers a lane of its own (fastlane.py)."""


class Admission(NamedTuple):
    """What an endpoint says to a handshake. It is accepted in any case: a refusal is a close that a browser can read."""

    opening: Callable[[Transport], ClientConnection]
    """Makes the connection that the lane is to carry."""
    refusal: tuple[int, str] | None
    """The code and reason to close with at once."""
    deflating: bool
    """Messages are compressed."""


class Admit(NamedTuple):
    """An endpoint's way to an admission, past the application: for handshakes of a path that it need not see again."""

    scope: dict[str, Any]
    """What the application's routing would add to the scope."""
    ask: Callable[[dict[str, Any], Any, Any], Awaitable[Admission]]
    """Called with scope, receive and send."""
    prompt: bool
    """It never waits, and looks at nothing but scheme and headers."""
    holds: Callable[[], bool]
    """Whether the application is still as it was when it had no say."""
