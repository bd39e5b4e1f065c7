"""Schemas of whole frames: what AsyncAPI calls messages."""

from typing import Any

from pattern_stack.atoms.broadcast.asyncapi.schemas import Schema

_TEXT: Schema = {"type": "string"}
_ID: Schema = {
    "type": ["integer", "string"],
    "description": "A name for the frame: it is on the answer.",
    "examples": [1],
}
_OFFSET: Schema = {
    "type": "integer",
    "minimum": 0,
    "description": "The event's number in its channel. An ephemeral event has none.",
}
_TIMESTAMP: Schema = {"type": "string", "format": "date-time", "description": "When it was published, in UTC."}
_ORIGIN: Schema = {"type": "string", "description": "The client that caused the event, where the publisher named one."}
_KEY: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "Within 300 s a command with the same key is carried out once.",
}
_MEMBER: Schema = {
    "connection_id": _TEXT,
    "user": {"description": "The user's key, or what the channel shows of a user; null for an anonymous one."},
}


def event_frame(name: str, payload: Schema) -> Schema:
    """What a subscriber gets."""
    return {
        "type": "object",
        "properties": {
            "channel": _TEXT,
            "event": {"type": "string", "const": name},
            "payload": payload,
            "offset": _OFFSET,
            "timestamp": _TIMESTAMP,
            "origin": _ORIGIN,
        },
        "required": ["channel", "event", "payload", "timestamp"],
    }


def command_frame(name: str, payload: Schema, needs_payload: bool) -> Schema:
    """What a client sends."""
    return {
        "type": "object",
        "properties": {
            "send": {"type": "string", "description": "The channel."},
            "event": {"type": "string", "const": name},
            "payload": payload,
            "key": _KEY,
            "id": _ID,
        },
        "required": ["send", "event", *(["payload"] if needs_payload else [])],
    }


def result_frame(result: Schema) -> Schema:
    """What a command with an id is answered by."""
    return {"type": "object", "properties": {"id": _ID, "result": result}, "required": ["id", "result"]}


ERROR_FRAME: Schema = {
    "type": "object",
    "properties": {
        "id": _ID,
        "error": {
            "type": "object",
            "properties": {"code": _TEXT, "message": _TEXT, "channel": _TEXT, "retry_after": {"type": "number"}},
            "required": ["code", "message"],
        },
    },
    "required": ["error"],
}


def _presence(**more: Schema) -> Schema:
    properties: dict[str, Any] = {**_MEMBER, **more}
    return {"type": "object", "properties": properties, "required": list(properties)}


_COUNT: Schema = {"type": "integer", "minimum": 0, "description": "How many are on the channel."}
PRESENCE: dict[str, tuple[Schema, str]] = {
    "presence-joined": (_presence(count=_COUNT), "A connection came to the channel."),
    "presence-left": (_presence(count=_COUNT), "A connection left the channel."),
    "presence-state": (
        _presence(state={"type": ["object", "null"]}),
        "A connection shows something else of itself.",
    ),
}
"""The events that a channel with presence has: the schema of each payload, and what it says."""

ANY_OBJECT: Schema = {"type": "object"}
