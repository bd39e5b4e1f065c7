"""The events that an application declares for the channels of a pattern: each name, and the type of its payload."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import to_json

from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.sending import is_command_name
from pattern_stack.atoms.json import faults, is_finite
from pattern_stack.errors import InvalidEvent

_SHOWN = 3
_MESSAGE_LENGTH = 500


class DeclaredEvent(NamedTuple):
    """One event, and what its payload has to be."""

    name: str
    type: Any
    payload: TypeAdapter[Any]

    def serialised(self, payload: Any) -> Any:
        """The payload as its type serialises it. Raises ValidationError, or ValueError for what is no JSON."""
        # what TypeAdapter's own methods add to these costs more than the work
        valid = self._validated(payload)
        return self.payload.serializer.to_python(valid, mode="json", by_alias=True, warnings="error")

    def _validated(self, payload: Any) -> Any:
        """As JSON is validated: a text is a date or a Decimal where the type says so, and no number anywhere."""
        if isinstance(payload, BaseModel):
            try:
                return self.payload.validator.validate_python(payload, strict=True)
            except ValidationError:  # another model: by what it serialises to
                payload = payload.model_dump(mode="json", by_alias=True)
        return self.payload.validator.validate_json(_json(payload), strict=True)


class Open(dict[str, Any]):
    """Events of a feature's channel. The application may publish others there, which nobody validates."""


class DeclaredEvents:
    """The events of one pattern. Raises TypeError for a name that is none, or a type that pydantic cannot read."""

    def __init__(self, events: Mapping[str, Any], pattern: str) -> None:
        if not isinstance(events, Mapping):
            raise TypeError(f'events of {pattern} are like {{"created": OrderCreated}}, not {events!r:.80}')
        self._is_open = isinstance(events, Open)
        self._events = {name: _declared(name, type, pattern) for name, type in events.items()}

    def __iter__(self) -> Iterator[DeclaredEvent]:
        return iter(self._events.values())

    def __contains__(self, name: object) -> bool:
        return name in self._events

    def serialised(self, channel: str, name: str, payload: Any) -> Mapping[str, Any]:
        """What is sent. Raises InvalidEvent for an event that is not declared, and for a payload that does not validate."""
        declared = self._events.get(name)
        if declared is None and self._is_open:
            return cast(Mapping[str, Any], payload)
        if declared is None:
            known = ", ".join(self._events) or "none"
            raise InvalidEvent(f"{channel} declares no event {name!r:.80}; its events are {known}"[:_MESSAGE_LENGTH])
        try:
            sent = declared.serialised(payload)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            text = faults({**one, "loc": ("payload", *one["loc"])} for one in found[:_SHOWN])
            raise InvalidEvent(f"{channel} {name}: {text}"[:_MESSAGE_LENGTH]) from None
        except (TypeError, ValueError) as error:  # what pydantic cannot serialise
            raise InvalidEvent(f"{channel} {name}: {error}"[:_MESSAGE_LENGTH]) from error
        if not isinstance(sent, Mapping):
            raise InvalidEvent(f"{channel} {name}: a payload is a JSON object, not {type(sent).__name__}")
        return sent


def _json(payload: Any) -> bytes:
    """By orjson, as what is not declared is; by pydantic, which knows more types, where orjson does not take it."""
    try:
        data = orjson.dumps(payload)
    except TypeError:
        data = b""
    if not data or (b"null" in data and not is_finite(payload)):
        return to_json(payload, inf_nan_mode="constants")  # NaN is refused when the event is encoded
    return data


def _declared(name: object, type: Any, pattern: str) -> DeclaredEvent:
    if not is_command_name(name, Limits()):
        raise TypeError(f"{pattern!r}: an event's name is 1 to 200 printable characters, not {name!r:.80}")
    try:
        return DeclaredEvent(name, type, TypeAdapter(type))
    except (PydanticUserError, TypeError) as error:
        raise TypeError(f"{pattern!r}: pydantic cannot read the payload of {name!r:.80}: {error}") from error
