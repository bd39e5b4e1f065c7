"""The document itself: channels, their messages, and the operations on them."""

import re
from collections.abc import Hashable, Iterable, Mapping
from inspect import cleandoc
from typing import Any, NamedTuple
from urllib.parse import quote

from pydantic import ValidationError

from pattern_stack.atoms.broadcast.asyncapi.frames import (
    ANY_OBJECT,
    ERROR_FRAME,
    PRESENCE,
    command_frame,
    event_frame,
    result_frame,
)
from pattern_stack.atoms.broadcast.asyncapi.schemas import IN, OUT, Schema, Use, schemas_of
from pattern_stack.atoms.broadcast.core.channels import Channel, Spec
from pattern_stack.atoms.broadcast.core.command import CommandMethod

Document = dict[str, Any]

VERSION = "3.0.0"
_SEGMENT = "One segment of the name: at least one character, and no `:`."
_REST = "The rest of the name. It may hold `:`, and be empty."


class _Message(NamedTuple):
    """A message of a channel."""

    kind: str
    """`event`, `command`, `result` or `error`."""
    name: str
    frame: Schema
    description: str = ""


def document_of(
    specs: Iterable[Spec], *, title: str, version: str, servers: Mapping[str, Any] | None = None
) -> Document:
    """An AsyncAPI 3.0 document of these channels.

    Raises PydanticInvalidForJsonSchema for a payload or result that has no JSON Schema.
    """
    ordered = list(specs)
    of_uses, named = schemas_of(_uses(ordered))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for number, spec in enumerate(ordered):
        key = _free(_word(str(spec.pattern)) or "channel", channels)
        messages = _keyed(_messages(spec, number, of_uses))
        channels[key] = _channel(spec, messages)
        operations.update(_operations(key, messages))
    document: Document = {
        "asyncapi": VERSION,
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
    }
    if servers:
        document["servers"] = servers
    return {**document, "channels": channels, "operations": operations, "components": {"schemas": named}}


# -- types


def _uses(specs: list[Spec]) -> Iterable[Use]:
    for number, spec in enumerate(specs):
        for event in spec.events or ():
            yield (number, "event", event.name), OUT, event.payload
        for name, method in spec.commands.items():
            yield (number, "command", name), IN, method.payload
            yield (number, "result", name), OUT, method.result


def _messages(spec: Spec, number: int, of_uses: Mapping[Hashable, Schema]) -> Iterable[_Message]:
    for event in spec.events or ():
        yield _event(event.name, of_uses[number, "event", event.name], _described(event.type))
    if spec.events is None:
        yield _Message("event", "any event", _any_event(), "The channel declares no events: it may carry any.")
    if "snapshot" in spec.hooks and "snapshot" not in (spec.events or ()):
        yield _event("snapshot", ANY_OBJECT, "The channel's state, for who joins it.")
    if spec.presence:
        for name, (payload, description) in PRESENCE.items():
            if name not in (spec.events or ()):
                yield _event(name, payload, description)
    for name, method in spec.commands.items():
        payload = of_uses[number, "command", name]
        yield _Message("command", name, command_frame(name, payload, _needs_payload(method)), _doc(method.call))
        yield _Message("result", name, result_frame(of_uses[number, "result", name]), _described(method.result_type))
    if spec.commands:
        yield _Message("error", "error", ERROR_FRAME, "A command was refused. `code` says why.")


def _event(name: str, payload: Schema, description: str) -> _Message:
    return _Message("event", name, event_frame(name, payload), description)


def _any_event() -> Schema:
    frame = event_frame("", ANY_OBJECT)
    frame["properties"]["event"] = {"type": "string"}
    return frame


def _needs_payload(method: CommandMethod) -> bool:
    try:
        method.payload.validate_json(b"{}")
    except ValidationError:
        return True
    except Exception:  # a validator of the application; the command itself will tell
        return True
    return False


# -- what AsyncAPI makes of them


def _channel(spec: Spec, messages: Mapping[str, _Message]) -> dict[str, Any]:
    kind = type(spec.channel)
    channel: dict[str, Any] = {
        "address": spec.pattern.address,
        "title": kind.__name__ if kind is not Channel else str(spec.pattern),
        "messages": {key: _message(message) for key, message in messages.items()},
    }
    if kind is not Channel and (text := _doc(kind)):
        channel["description"] = text
    if spec.pattern.parameters:
        channel["parameters"] = {name: _parameter(spec, name) for name in spec.pattern.parameters}
    if spec.events is None:
        channel["x-undeclared-events"] = True
    return channel


def _parameter(spec: Spec, name: str) -> dict[str, Any]:
    if name == spec.pattern.rest:
        return {"description": _REST, "x-path": True}
    return {"description": _SEGMENT}


def _message(message: _Message) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": message.name,
        "title": message.name,
        "payload": message.frame,
        "x-kind": message.kind,
    }
    if message.description:
        shown["description"] = message.description
    return shown


def _keyed(messages: Iterable[_Message]) -> dict[str, _Message]:
    """By names that are the events' own; commands and what answers them have their kind before theirs."""
    keyed: dict[str, _Message] = {}
    for message in messages:
        plain = message.kind in ("event", "error")
        keyed[_free(message.name if plain else f"{message.kind}.{message.name}", keyed)] = message
    return keyed


def _operations(channel: str, messages: Mapping[str, _Message]) -> dict[str, Any]:
    here = {"$ref": f"#/channels/{channel}"}
    references = {key: {"$ref": f"#/channels/{channel}/messages/{_pointer(key)}"} for key in messages}
    operations: dict[str, Any] = {}
    events = [references[key] for key, message in messages.items() if message.kind == "event"]
    if events:
        operations[f"{channel}.events"] = {"action": "send", "channel": here, "messages": events}
    errors = [references[key] for key, message in messages.items() if message.kind == "error"]
    for key, message in messages.items():
        if message.kind != "command":
            continue
        results = [references[one] for one, its in messages.items() if (its.kind, its.name) == ("result", message.name)]
        operation = {"action": "receive", "channel": here, "title": message.name, "messages": [references[key]]}
        if message.description:
            operation["description"] = message.description
        operations[f"{channel}.{key}"] = {**operation, "reply": {"channel": here, "messages": [*results, *errors]}}
    return operations


def _pointer(key: str) -> str:
    """As a part of a JSON pointer in a URL's fragment."""
    return quote(key.replace("~", "~0").replace("/", "~1"), safe="~")


def _free(key: str, taken: Mapping[str, object]) -> str:
    while key in taken:
        key += "_"
    return key


def _word(pattern: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", pattern).strip("-")


# -- words


def _described(kind: object) -> str:
    """What the model's docstring says."""
    return _doc(kind) if isinstance(kind, type) and "pydantic" not in kind.__module__ else ""


def _doc(thing: object) -> str:
    text = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    is_made = isinstance(thing, type) and (thing.__module__ == "builtins" or text == f"{thing.__name__}()")
    return "" if is_made else cleandoc(text or "")
