"""Values of strangers: whether every encoder takes them, and so the wire and every store; and how their faults are told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator

from pattern_stack.atoms.printable import printable

_CONTAINERS = (list, dict)
_LONGEST_PATH = 200
_KINDS = (type(None), str, int, float, list, dict)
MAX_NESTING = 32
"""How deep lists and objects of a value from outside may lie in each other: in a client's frame, a property, metadata."""


def plain(value: Any) -> Any:
    """The value itself. Raises ValueError where a client, an encoder or a store could not take it."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING + 1):
        if not _are_plain(level):
            break
        level = [one for one in level if isinstance(one, _CONTAINERS)]
        if not level:
            return value
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    raise ValueError(f"a value is JSON of at most {MAX_NESTING} levels, with finite numbers of at most 64 bits")


def is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects lie in each other more than so many levels deep. It does not recurse."""
    level: list[Any] = [value]
    for _ in range(levels + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return True


def _are_plain(values: list[Any]) -> bool:
    """Whether every encoder writes them as they are; what lies in lists and objects is not looked at.

    A request may bring a hundred thousand of them, so each kind is checked as a whole.
    """
    kinds = set(map(type, values))
    if not all(issubclass(kind, _KINDS) for kind in kinds):
        return False
    texts, integers, floats = (_of(values, kinds, kind) for kind in (str, int, float))
    texts += [key for one in _of(values, kinds, dict) for key in one]
    return _are_text(texts) and all(-(2**63) <= one < 2**63 for one in integers) and all(map(isfinite, floats))


def _of(values: list[Any], kinds: set[type], kind: type) -> list[Any]:
    """Those of this kind, where there are any."""
    return [one for one in values if isinstance(one, kind)] if any(issubclass(one, kind) for one in kinds) else []


def _are_text(values: list[Any]) -> bool:
    """JSON may hold halves of surrogate pairs, which no UTF-8 can."""
    try:
        return bool("".join(values).encode() or True)
    except (TypeError, UnicodeEncodeError):  # a key that is no string
        return False


Value = Annotated[Any, AfterValidator(plain)]
"""Any JSON that is bounded and survives being written. Raises ValueError within a model."""


_NEVER_NAN = frozenset({str, int, bool, type(None)})


def is_finite(value: object) -> bool:
    """Whether no float in it is NaN or infinite. Only called for what orjson could encode, so it is shallow enough."""
    if type(value) in _NEVER_NAN:  # most values
        return True
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    if is_dataclass(value):
        return all(is_finite(getattr(value, field.name)) for field in fields(value))
    return True


def unwritable(value: object, name: str) -> str | None:
    """Which value within this one orjson does not take, by its path, like `payload.order`; None where it cannot be named."""
    if _is_writable(value):
        return None
    for _ in range(MAX_NESTING):
        found = next((member for member in _members(value, name) if not _is_writable(member[1])), None)
        if found is None:
            hint = "; pass its model_dump(mode='json')" if hasattr(value, "model_dump") else ""
            return f"{printable(name[:_LONGEST_PATH])} is of type {type(value).__name__}{hint}"
        name, value = found
    return None


def _members(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"{name}.{key}", inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{name}[{index}]", inner) for index, inner in enumerate(value))


def _is_writable(value: object) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def faults(errors: Iterable[Mapping[str, Any]]) -> str:
    """Pydantic's errors in one line: where, and what."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors)
