"""What can be wrong with a link to PostgreSQL."""

import asyncio
from typing import Any

_GONE = ("25006", "42P01", "42883", "3F000")
"""What a server says that has become a replica, or whose tables were dropped: nothing was done."""
_BROKEN = ("08", "57P")
"""Beginnings of what it says when it ends a session."""


class ServerRejected(Exception):
    """The server has answered, and will not serve this URL: password, database, rights, pooler or version."""


class LinkDown(Exception):
    """The link is down, or broke before the answer came. `sent`: the statement may have been carried out."""

    def __init__(self, why: str, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Failed(Exception):
    """The server refused a statement, and has done nothing of it. `code`: its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def breaks_the_link(self) -> bool:
        return self.code.startswith(_BROKEN) or self.code in _GONE

    def as_link_down(self) -> LinkDown:
        return LinkDown(in_short(self), sent=self.code.startswith(_BROKEN))


def in_short(error: BaseException) -> str:
    """What is wrong, for clients: no host, port or user, which the texts of libpq and of servers name."""
    if isinstance(error, LinkDown):
        return str(error)
    if isinstance(error, ServerRejected):
        return "it refuses to serve this application"
    if isinstance(error, Failed):
        return f"it refuses the statement: SQLSTATE {error.code}"
    return "it does not answer" if isinstance(error, TimeoutError) else "it cannot be reached"


def first_line(error: BaseException) -> str:
    """What the server says, out of libpq's text, which says before it where the server is."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition(" failed: ")[2].removeprefix("FATAL:").strip()


def give_up(answer: "asyncio.Future[Any]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
