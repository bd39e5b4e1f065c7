"""Methods of a Channel that clients may call: declared, checked, and what goes in and out of them."""

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from pattern_stack.atoms.broadcast.core.command_error import CommandError
from pattern_stack.atoms.broadcast.core.function_kind import runs_in_thread
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.sending import is_command_name, outcome_of
from pattern_stack.atoms.json import faults, is_finite

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_pattern_stack_command"
_SHOWN = 3
_MESSAGE_LENGTH = 500


def command(name: str) -> Callable[[F], F]:
    """Decorates a method of a Channel: clients on the channel call it by {"send": channel, "event": name, "payload": ...}.

    `async def rename(self, connection: Connection, payload: Rename, room_id: str) -> Renamed`: it gets the connection, the
    payload and the pattern's parameters. The payload's annotation is a pydantic model, or `dict` for any object; what does
    not validate is refused with `invalid_payload`. It returns a model, any JSON, or None. A plain function runs in a thread.
    It has `Limits.command_seconds`. It refuses by Forbidden, NotFound or Rejected; what else it raises is logged, and
    answered by `internal`.

    Raises TypeError for a name that is not 1 to 200 printable characters. `backend.channel(pattern)` raises TypeError for a
    method that cannot be called so.
    """
    if not is_command_name(name, Limits()):
        raise TypeError(f'a command has a name, as in @command("rename"), not {name!r:.80}')

    def mark(function: F) -> F:
        if not callable(function):
            raise TypeError(f"@command({name!r}) decorates a method, not {function!r:.80}")
        setattr(function, _MARK, name)
        return function

    return mark


class CommandMethod(NamedTuple):
    """A method that was declared with `command`."""

    name: str
    call: Callable[..., Any]
    """Takes the connection, the payload and the pattern's parameters."""
    plain: bool
    """Whether it is a plain function, which runs in a thread."""
    payload_type: Any
    result_type: Any
    """As annotated; Any where it is not."""
    payload: TypeAdapter[Any]
    result: TypeAdapter[Any]

    def read(self, payload: bytes) -> Any:
        """The payload, given as JSON, as the method takes it: what its JSON Schema allows, and nothing else.

        Raises CommandError `invalid_payload`, which names the field.
        """
        try:
            return self.payload.validate_json(payload, strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            text = faults({**one, "loc": one["loc"] or ("payload",)} for one in found[:_SHOWN])
            raise CommandError("invalid_payload", text[:_MESSAGE_LENGTH]) from None

    def write(self, result: Any) -> bytes:
        """The outcome, as the result's type serialises it. Raises TypeError or ValueError where that is not possible."""
        if self.result_type is Any:
            plain = to_jsonable_python(result, by_alias=True)
        else:
            checked = self.result.validate_python(result, from_attributes=True)
            plain = self.result.dump_python(checked, mode="json", by_alias=True)
        if not is_finite(plain):
            raise ValueError("NaN and Infinity are not JSON")
        return outcome_of(plain)


def commands_of(channel: object, pattern: str, parameters: list[str]) -> dict[str, CommandMethod]:
    """The commands of a Channel, by name. Raises TypeError for one that cannot be called with the pattern's parameters."""
    found: dict[str, CommandMethod] = {}
    for attribute in dir(type(channel)):
        name = getattr(getattr(type(channel), attribute), _MARK, None)
        if name is None:
            continue
        if name in found:
            raise TypeError(f"{type(channel).__name__} has two commands {name!r}")
        method = getattr(channel, attribute)
        found[name] = _declared(name, method, f"{type(channel).__name__}.{attribute}", pattern, parameters)
    return found


def _declared(name: str, call: Callable[..., Any], shown: str, pattern: str, parameters: list[str]) -> CommandMethod:
    plain = runs_in_thread(call, shown)
    takes = ", ".join(["connection", "payload", *parameters])
    try:
        bound = signature(call).bind(None, None, **dict.fromkeys(parameters))
    except TypeError as error:
        raise TypeError(f"{shown} has to take ({takes}), because its pattern is {pattern!r}: {error}") from None
    hints = _hints(call, shown)
    payload = list(bound.arguments)[1:2]
    if not payload or payload[0] not in hints:
        raise TypeError(f"{shown} needs an annotation of its payload: a pydantic model, or dict for any object")
    payload_type, result_type = hints[payload[0]], hints.get("return", Any)
    return CommandMethod(
        name, call, plain, payload_type, result_type, _adapter(payload_type, shown), _adapter(result_type, shown)
    )


def _hints(call: Callable[..., Any], shown: str) -> dict[str, Any]:
    try:
        return get_type_hints(call, include_extras=True)
    except Exception as error:
        raise TypeError(f"the annotations of {shown} cannot be read: {error}") from error


def _adapter(annotation: Any, shown: str) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, TypeError) as error:
        raise TypeError(f"{shown}: pydantic cannot read {annotation!r:.80}: {error}") from error
