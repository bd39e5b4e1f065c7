"""The wire, without IO: a client's frame becomes a command, an answer becomes a frame."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import orjson

from pattern_stack.atoms.broadcast.core.command_error import CommandError as CommandError
from pattern_stack.atoms.broadcast.core.command_error import ErrorFrame, refuse_frame
from pattern_stack.atoms.broadcast.core.command_error import Id as Id
from pattern_stack.atoms.broadcast.core.event import Last, Position, Since, is_channel
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.sending import Send, SetState, invalid_channel, send_of, state_of
from pattern_stack.atoms.broadcast.websocket.frames import Frame
from pattern_stack.atoms.clock import iso_now
from pattern_stack.atoms.json import is_deeper

_ID_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe, and replay what came after a position, or the newest events, where `since` says so for the channel."""

    id: Id
    channels: tuple[str, ...]
    since: Mapping[str, Since]
    invalid: tuple[str, ...] = ()
    """Names that are no channel's: each is refused alone."""


class QuietSubscribe(Subscribe):
    """The reply says for how long each channel has had no event."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A channel that is not subscribed is harmless."""

    id: Id
    channels: tuple[str, ...]
    invalid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered by a pong with the same value."""

    id: Id
    value: int | str


@dataclass(frozen=True, slots=True)
class Auth:
    """Prove or renew an identity by a token."""

    id: Id
    token: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a new snapshot of those channels that have one."""

    id: Id
    channels: tuple[str, ...]
    invalid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PresenceQuery:
    """Who is on these channels."""

    id: Id
    channels: tuple[str, ...]
    invalid: tuple[str, ...] = ()


Command = Subscribe | Unsubscribe | Ping | Auth | Refresh | PresenceQuery | Send | SetState
_OF_CHANNELS: dict[str, type[Unsubscribe | Refresh | PresenceQuery]] = {
    "unsubscribe": Unsubscribe,
    "refresh": Refresh,
    "presence": PresenceQuery,
}
_COMMANDS = ("subscribe", "unsubscribe", "ping", "auth", "refresh", "presence", "send", "state")


def parse(data: bytes, limits: Limits) -> Command:
    """The command that a text frame holds. Raises CommandError, with the frame's id where it has a valid one."""
    frame = _load(data, limits)
    id = frame.get("id")
    if id is not None and not _is_tag(id):
        raise CommandError("invalid_message", f"id must be an integer or a string of at most {_ID_LENGTH} characters")
    try:
        # most have fewer brackets than that, and are not looked at one by one
        if data.count(b"[") + data.count(b"{") > limits.nesting and is_deeper(frame, limits.nesting):
            refuse_frame(f"nested more than {limits.nesting} deep")
        return _command(frame, id, limits)
    except CommandError as refused:
        refused.id = id
        raise


def _load(data: bytes, limits: Limits) -> dict[str, Any]:
    try:
        frame = orjson.loads(data)
    except ValueError:
        raise CommandError("invalid_json", "not JSON") from None
    if not isinstance(frame, dict):
        refuse_frame("a frame is a JSON object")
    return frame


def _command(frame: dict[str, Any], id: Id, limits: Limits) -> Command:
    names = [name for name in _COMMANDS if name in frame]
    if len(names) != 1:
        refuse_frame(f"a frame holds exactly one of {', '.join(_COMMANDS)}")
    name = names[0]
    value = frame[name]
    if name == "subscribe":
        channels, invalid = _channels(name, value, limits)
        since, quiet = _positions(frame.get("since"), limits), frame.get("quiet", False)
        if not isinstance(quiet, bool):
            refuse_frame("quiet must be true or false")
        return (QuietSubscribe if quiet else Subscribe)(id, channels, since, invalid)
    if kind := _OF_CHANNELS.get(name):
        return kind(id, *_channels(name, value, limits))
    if name == "ping":
        if not _is_tag(value):
            refuse_frame(f"ping must be an integer or a string of at most {_ID_LENGTH} characters")
        return Ping(id, value)
    if name == "send":
        return send_of(frame, id, limits)
    if name == "state":
        return state_of(frame, id, limits)
    if not isinstance(value, str):
        refuse_frame("auth must be a string")
    return Auth(id, value)


def _channels(name: str, value: object, limits: Limits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The channels, and the names that are none."""
    if not isinstance(value, list) or not all(isinstance(channel, str) for channel in value):
        refuse_frame(f"{name} must be a list of channel names")
    if len(value) > 2 * limits.channels:  # how many are too many to hold, depends on what is held
        raise CommandError("too_many_channels", f"a frame may name {2 * limits.channels} channels")
    valid: dict[str, None] = {}
    invalid: dict[str, None] = {}
    for channel in value:
        (valid if is_channel(channel, limits) else invalid)[channel] = None
    return tuple(valid), tuple(invalid)


def invalid_channels(command: Subscribe | Unsubscribe | Refresh | PresenceQuery, limits: Limits) -> list[CommandError]:
    """An error for each name of the command that is no channel's."""
    return [invalid_channel(name, limits, command.id) for name in command.invalid]


def _positions(value: object, limits: Limits) -> dict[str, Since]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse_frame("since must be an object of positions")
    if len(value) > 2 * limits.channels:
        refuse_frame(f"since may name {2 * limits.channels} channels")
    return {channel: _position(channel, position) for channel, position in value.items()}


def _position(channel: str, value: object) -> Since:
    match value:
        case {"epoch": str(epoch), "offset": int(offset)} if offset >= 0 and not isinstance(offset, bool):
            return Position(epoch, offset)
        case {"last": int(count)} if count >= 0 and not isinstance(count, bool):
            return Last(count)
    return refuse_frame(
        f'since of {channel[:200]} must be {{"epoch": string, "offset": integer}}, or {{"last": integer from 0 on}}'
    )


def _is_tag(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _ID_LENGTH
    return isinstance(value, int) and not isinstance(value, bool)


def _frame(message: dict[str, Any], id: Id) -> Frame:
    return Frame(orjson.dumps(message if id is None else {"id": id, **message}))


def _place(position: Position) -> dict[str, Any]:
    return {"epoch": position.epoch, "offset": position.offset}


class Moving(Frame):
    """A frame, no event, that tells a client of positions."""

    __slots__ = ("moves", "tells")

    def __init__(
        self,
        data: bytes,
        moves: Mapping[str, Position | None] | Mapping[str, Position],
        tells: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(data)
        self.tells = tells
        self.moves = moves
        """What the client has reached with it; None: it is off the channel. Without channels whose snapshot is still to come:
        the position is of no use without it."""


def subscribed(
    channels: Mapping[str, tuple[Position, bool | None]],
    id: Id,
    moves: Mapping[str, Position] | None = None,
    quiet: Mapping[str, float] | None = None,
) -> Frame:
    """`channels`: where the next event follows, and whether the asked position was recovered (None: none was asked). `quiet`:
    the seconds for which each has had no event."""
    places: dict[str, dict[str, Any]] = {
        channel: _place(position) if recovered is None else {**_place(position), "recovered": recovered}
        for channel, (position, recovered) in channels.items()
    }
    for channel, seconds in (quiet or {}).items():
        places[channel]["quiet"] = floor(seconds * 1_000) / 1_000
    wanted = [recovered for _, recovered in channels.values() if recovered is not None]
    tells = [("recoveries", "recovered" if recovered else "reset") for recovered in wanted]
    return Moving(_frame({"subscribed": places}, id).data, moves or {}, tells)


def unsubscribed(channels: Iterable[str], id: Id = None) -> Frame:
    names = list(channels)
    return Moving(_frame({"unsubscribed": names}, id).data, dict.fromkeys(names))


def refreshed(channels: Iterable[str], id: Id) -> Frame:
    return _frame({"refreshed": list(channels)}, id)


def authenticated(id: Id) -> Frame:
    return _frame({"authenticated": True}, id)


def pong(value: int | str, id: Id) -> Frame:
    return _frame({"pong": value, "timestamp": iso_now()}, id)


def presence(channels: Mapping[str, list[dict[str, Any]]], id: Id) -> Frame:
    members = {channel: {"count": len(who), "members": who} for channel, who in channels.items()}
    return _frame({"presence": members}, id)


def reset(positions: Mapping[str, Position], moves: Mapping[str, Position] | None = None) -> Frame:
    places = {channel: _place(position) for channel, position in positions.items()}
    return Moving(orjson.dumps({"reset": places}), moves or {}, [("resets", "history")] * len(places))


def error_frame(error: CommandError) -> Frame:
    what: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.channel is not None:
        what["channel"] = error.channel
    if error.retry_after is not None:
        what["retry_after"] = error.retry_after
    return ErrorFrame(_frame({"error": what}, error.id).data, error.code)
