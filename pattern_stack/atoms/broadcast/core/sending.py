"""Frames by which a client reaches the application and the others on a channel: commands, and the state that it shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

from pattern_stack.atoms.broadcast.core.command_error import CommandError, ErrorFrame, Id, refuse_frame
from pattern_stack.atoms.broadcast.core.event import is_channel
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.websocket.frames import Frame

STATE_BYTES = 4_096
"""Of what a connection shows of itself on a channel, as JSON."""
_KEY_LENGTH = 64
_ERROR = b'{"error":'


@dataclass(frozen=True, slots=True)
class Send:
    """A command to the application."""

    id: Id
    channel: str
    event: str
    payload: Any
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SetState:
    """What this connection shows of itself, by channel; None: nothing."""

    id: Id
    states: Mapping[str, dict[str, Any] | None]


def send_of(frame: Mapping[str, Any], id: Id, limits: Limits) -> Send:
    """Raises CommandError."""
    channel, event, key = frame["send"], frame.get("event"), frame.get("key")
    if not isinstance(channel, str):
        refuse_frame("send must be the name of a channel")
    if not is_channel(channel, limits):
        raise invalid_channel(channel, limits)
    if not is_command_name(event, limits):
        refuse_frame(f"event must be a string of 1 to {limits.name_length} printable characters")
    if key is not None and not is_command_key(key):
        refuse_frame(f"key must be a string of 1 to {_KEY_LENGTH} printable characters")
    return Send(id, channel, event, frame.get("payload", {}), key)


def state_of(frame: Mapping[str, Any], id: Id, limits: Limits) -> SetState:
    """Raises CommandError."""
    states = frame["state"]
    if not isinstance(states, dict) or not all(isinstance(state, dict | None) for state in states.values()):
        refuse_frame("state must be an object of channels, each with an object or null")
    if len(states) > 2 * limits.channels:
        raise CommandError("too_many_channels", f"a frame may name {2 * limits.channels} channels")
    for channel, state in states.items():
        if not is_channel(channel, limits):
            raise invalid_channel(channel, limits)
        if len(orjson.dumps(state)) > STATE_BYTES:
            refuse_frame(f"the state of {channel} has more than {STATE_BYTES} bytes")
    return SetState(id, states)


def invalid_channel(name: str, limits: Limits, id: Id = None) -> CommandError:
    text = f"a channel is 1 to {limits.name_length} characters of A-Z a-z 0-9 _ - . : / @"
    return CommandError("invalid_channel", text, id, name)


def is_command_name(value: object, limits: Limits) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= limits.name_length and value.isprintable()


def is_command_key(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= _KEY_LENGTH and value.isprintable()


def outcome_of(result: Any) -> bytes:
    """What a command ended with, as it is remembered. `result` is JSON. Raises TypeError or ValueError."""
    return b'{"result":%b}' % orjson.dumps(result)


def refused_with(code: str, message: str) -> bytes:
    """An outcome that is an error."""
    return orjson.dumps({"error": {"code": code, "message": message}})


def answer(outcome: bytes, id: Id) -> Frame:
    data = outcome if id is None else b'{"id":%b,%b' % (orjson.dumps(id), outcome[1:])
    return ErrorFrame(data, orjson.loads(outcome)["error"]["code"]) if outcome.startswith(_ERROR) else Frame(data)


def state_set(channels: Iterable[str], id: Id) -> Frame:
    return Frame(orjson.dumps({"id": id, "state": list(channels)}))
