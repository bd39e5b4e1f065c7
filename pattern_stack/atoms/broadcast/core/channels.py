"""What an application says of its channels: a pattern, and hooks for those who come and go."""

import re
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.core.connection import Connection
from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.atoms.broadcast.core.history import History

Snapshot = dict[str, Any] | tuple[dict[str, Any], Position] | None


class Channel:
    """Derive from it, override what is needed, and decorate the class with `backend.channel(pattern)`.

    Each hook gets the connection and the pattern's parameters by name. For one connection they run in this order:
    authorize, joined, snapshot; and left exactly once where joined succeeded, also after a broken connection.
    Raise Forbidden, NotFound, Unauthenticated or BroadcastUnavailable to refuse; anything else refuses with
    `internal` and is logged.
    """

    async def authorize(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """Raise to refuse. Asked again for every channel that is held when a token is renewed."""

    async def joined(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """Called before the connection has its position. Events published by this hook are not delivered to this connection."""

    async def snapshot(self, connection: Connection, /, *args: Any, **params: Any) -> Snapshot:
        """The state at the connection's position; the events after it are held until it is sent. None: there is none.

        State that may be ahead of that position, because it is read from a store, is returned with the position that
        it belongs to, as (state, position); otherwise the channel's events must be idempotent.
        """

    async def left(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """The connection is off the channel already, and may be gone."""


class Spec(NamedTuple):
    """One pattern, and what holds for the channels that match it."""

    pattern: re.Pattern[str]
    channel: Channel
    history: History | None
    presence: bool
    local: bool

    def overrides(self, hook: str) -> bool:
        return getattr(type(self.channel), hook) is not getattr(Channel, hook)


class Channels:
    """The application's patterns; the first that matches holds. A channel that none matches is open to everybody."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._specs: list[Spec] = []

    def add(self, pattern: str, channel: Channel, history: History | None, presence: bool, local: bool) -> None:
        self._specs.append(Spec(_compile(pattern), channel, history, presence, local))

    def match(self, channel: str) -> tuple[Spec, dict[str, str]] | None:
        """What holds for the channel, and the pattern's parameters."""
        for spec in self._specs:
            if found := spec.pattern.fullmatch(channel):
                return spec, found.groupdict()
        return None

    def is_local(self, channel: str) -> bool:
        found = self.match(channel)
        return found is not None and found[0].local

    def window(self, channel: str) -> History:
        found = self.match(channel)
        return found[0].history or self._history if found else self._history


def _compile(pattern: str) -> re.Pattern[str]:
    """`session:{session_id}`. A parameter may be empty, and takes as much as it can, so that no odd name slips past
    the channel's authorize."""
    parts = re.split(r"\{(\w+)\}", pattern)
    literals, names = parts[::2], parts[1::2]
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} in {pattern!r} is no parameter's name")
    regex = re.escape(literals[0]) + "".join(
        f"(?P<{name}>.*){re.escape(literal)}" for name, literal in zip(names, literals[1:], strict=True)
    )
    return re.compile(regex)
