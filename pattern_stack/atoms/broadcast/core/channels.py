"""What an application declares about its channels: a pattern, and hooks for clients that subscribe and leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any, NamedTuple

from pattern_stack.atoms.bounds import check_type
from pattern_stack.atoms.broadcast.core.command import CommandMethod, commands_of
from pattern_stack.atoms.broadcast.core.connection import Connection
from pattern_stack.atoms.broadcast.core.declared_events import DeclaredEvents
from pattern_stack.atoms.broadcast.core.event import Payload, Position
from pattern_stack.atoms.broadcast.core.function_kind import runs_in_thread
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.pattern import ChannelPattern, check_pattern
from pattern_stack.atoms.broadcast.websocket.frames import Shared

Snapshot = dict[str, Any] | tuple[dict[str, Any], Position] | None

CONTROL = "!control"
"""The channel that instances use among themselves. No client can name it: `!` stands in no channel's name."""
_CONTROL_WINDOW = History(events=10_000, seconds=3_600)

_KNOWN = 4_096
"""Channels whose declaration, or lack of one, is remembered."""

_SIMILAR = 0.85
"""How much the name of a method has to be like a hook's, of 1, to be taken for a slip: `authorise` and `snapshots` are."""

HOOKS = ("authorize", "joined", "snapshot", "left")


class Channel:
    """Derive from it, override what is needed, and decorate the class with `backend.channel(pattern)`.

    Each hook gets the connection, and the pattern's parameters by name. It may be a coroutine function or a plain function;
    a plain function runs in a thread. For one connection the hooks run in this order: authorize, joined, snapshot; and left
    exactly once if joined succeeded, also after a broken connection. A hook has `Limits.hook_seconds`; after that the client
    gets the error `unavailable`. Raise Forbidden, NotFound, Unauthenticated or BroadcastUnavailable to refuse the client;
    any other exception refuses it with `internal` and is logged. Methods decorated with `command` are called by clients.
    """

    async def authorize(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """Raise to refuse. Called again for every subscribed channel when a token is renewed."""

    async def joined(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """Called before the connection has its position. Events published by this hook are not delivered to this connection."""

    async def snapshot(self, connection: Connection, /, *args: Any, **params: Any) -> Snapshot:
        """The state at the connection's position. Later events are buffered until it is sent. None: no snapshot is sent.

        State that is read from a store may be ahead of that position. Return it with the position that it belongs to, as
        (state, position); otherwise the channel's events must be idempotent.
        """

    async def left(self, connection: Connection, /, *args: Any, **params: Any) -> None:
        """Called when the connection is off the channel. Its socket may be gone."""


class Spec(NamedTuple):
    """One pattern, and what holds for the channels that match it."""

    pattern: ChannelPattern
    channel: Channel
    hooks: frozenset[str]
    """The hooks that the application wrote."""
    plain: frozenset[str]
    """Those of them that are plain functions."""
    history: History | None
    presence: bool
    show: Callable[[Any], Any] | None
    """What others on the channel see of a user; None: its key."""
    local: bool
    commands: Mapping[str, CommandMethod]
    events: DeclaredEvents | None
    """None: any event, with any payload."""
    for_operators: bool = False
    """See Operator: nobody else joins it."""


Authorize = Callable[[Connection, str], Any]
"""`authorize(connection, channel)`: a coroutine function or a plain function that raises to refuse, as the hook does."""


class Channels:
    """The application's patterns. The first that matches a channel holds.

    `authorize` is called before the authorize hook of any channel, and for channels that no pattern matches. `undeclared`:
    whether clients may join those: "open" or "refuse". Raises ValueError for another value.
    """

    def __init__(self, history: History, authorize: Authorize | None = None, undeclared: str = "open") -> None:
        if undeclared not in ("open", "refuse"):
            raise ValueError(f'undeclared is "open" or "refuse", not {undeclared!r:.80}')
        self._history = history
        self.declared: Channels | None = None
        """These channels, once a pattern of them declares its events."""
        self.undeclared = set[str]()
        self._events: dict[str, DeclaredEvents] = {}
        self.refuses_undeclared = undeclared == "refuse"
        self._specs: list[Spec] = []
        self.authorize = authorize
        self.authorize_is_plain = authorize is not None and runs_in_thread(authorize, "authorize")

    def add(
        self,
        pattern: str,
        channel: Channel,
        history: History | None,
        presence: bool | Callable[[Any], Any],
        local: bool,
        events: Mapping[str, Any] | None = None,
    ) -> None:
        """Raises ValueError for a pattern that cannot be read, TypeError for a hook or a command that cannot be called so, for a
        method whose name is nearly a hook's, and for events that cannot be declared.
        """
        check_pattern(pattern)
        check_type(history, History, f"the history of {pattern} is History(...)")
        check_type(local, bool, f"local of {pattern} is True or False")
        if not callable(presence):
            check_type(presence, bool, f"presence of {pattern} is True, False or a function of the user")
        compiled = ChannelPattern(pattern)
        hooks = frozenset(hook for hook in HOOKS if getattr(type(channel), hook) is not getattr(Channel, hook))
        plain = frozenset(hook for hook in hooks if _is_plain(channel, hook, pattern, compiled.parameters))
        show = presence if callable(presence) else None
        commands = commands_of(channel, pattern, compiled.parameters)
        _check_spelling(channel, commands.values())
        declared = None if events is None else DeclaredEvents(events, pattern)
        self._specs.append(
            Spec(compiled, channel, hooks, plain, history, bool(presence), show, local, commands, declared)
        )
        self.undeclared.clear()
        self._events.clear()
        if declared is not None:
            self.declared = self

    def add_for_operators(self, pattern: str, channel: Channel) -> None:
        """Like `add`, before every pattern of the application: local, without presence, and for operators alone."""
        self.add(pattern, channel, None, presence=False, local=True)
        self._specs.insert(0, self._specs.pop()._replace(for_operators=True))

    def match(self, channel: str) -> tuple[Spec, dict[str, str]] | None:
        """What holds for the channel, and the pattern's parameters."""
        for spec in self._specs:
            if (values := spec.pattern.match(channel)) is not None:
                return spec, values
        return None

    def __iter__(self) -> Iterator[Spec]:
        """What the application declares, in that order."""
        return (spec for spec in self._specs if not spec.for_operators)

    def serialised(self, channel: str, event_type: str, payload: Payload) -> Payload:
        """What is sent, where the channel's events are declared; else the payload. Raises InvalidEvent."""
        events = self._events.get(channel)
        if events is None:
            found = self.match(channel)
            events = found[0].events if found else None
            known = self.undeclared if events is None else self._events
            if len(known) >= _KNOWN:  # names may have any number of values
                known.clear()
            if events is None:
                self.undeclared.add(channel)
                return payload
            self._events[channel] = events
        return events.serialised(channel, event_type, payload)

    def snapshot(self, channel: str, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is sent of a snapshot, where an event `snapshot` is declared. Raises InvalidEvent.

        One with values that are held once for all clients is not validated: they are JSON already.
        """
        found = self.match(channel) if self.declared else None
        events = found[0].events if found else None
        if events is None or "snapshot" not in events or any(isinstance(value, Shared) for value in state.values()):
            return state
        return events.serialised(channel, "snapshot", state)

    def has_hooks(self, channel: str) -> bool:
        """Whether subscribing calls one of the application's hooks, or announces the member."""
        if self.authorize is not None:
            return True
        found = self.match(channel)
        return found is not None and bool(found[0].hooks or found[0].presence)

    def is_local(self, channel: str) -> bool:
        found = self.match(channel)
        return found is not None and found[0].local

    def window(self, channel: str) -> History:
        if channel == CONTROL:
            return _CONTROL_WINDOW
        found = self.match(channel)
        return found[0].history or self._history if found else self._history


def _check_spelling(channel: Channel, commands: Iterable[CommandMethod]) -> None:
    """Raises TypeError for a method whose name is nearly that of a hook: it would never be called, and an `authorise` would
    leave the channel open."""
    called = {*dir(Channel), *(getattr(command.call, "__name__", "") for command in commands)}
    for name in dir(type(channel)):
        is_own = name not in called and callable(getattr(type(channel), name))
        for meant in get_close_matches(name, HOOKS, 1, _SIMILAR) if is_own else ():
            raise TypeError(
                f"{type(channel).__name__}.{name} is no hook, and nothing calls it: is {meant} meant? Begin the name of a "
                "method of your own with _"
            )


def _is_plain(channel: Channel, hook: str, pattern: str, parameters: list[str]) -> bool:
    """Whether the hook is a plain function; TypeError also where it does not take the pattern's parameters."""
    name = f"{type(channel).__name__}.{hook}"
    call = getattr(channel, hook)
    plain = runs_in_thread(call, name)
    try:
        signature(call).bind(None, **dict.fromkeys(parameters))
    except TypeError as error:
        takes = ", ".join(["connection", *parameters])
        raise TypeError(f"{name} has to take ({takes}), because its pattern is {pattern!r}: {error}") from None
    return plain
