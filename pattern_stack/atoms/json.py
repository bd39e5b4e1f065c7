"""Values of strangers: whether every encoder takes them, and so the wire and every store; and how their faults are told."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator

MAX_NESTING = 32
"""How deep lists and objects of a value from outside may lie in each other: in a client's frame, a property, metadata."""


def plain(value: Any) -> Any:
    """The value itself. ValueError where a client, an encoder or a store could not take it."""
    if is_deeper(value, MAX_NESTING) or not _is_plain(value):
        raise ValueError(f"a value is JSON of at most {MAX_NESTING} levels, with finite numbers of at most 64 bits")
    return value


def is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects lie in each other more than so many levels deep. It does not recurse."""
    level: list[Any] = [value]
    for _ in range(levels + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return True


def _is_plain(value: object) -> bool:
    """Whether every encoder writes it as it is. Only called for what is shallow."""
    match value:
        case None | bool():
            return True
        case str():
            return _is_text(value)
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return isfinite(value)
        case list():
            return all(map(_is_plain, value))
        case dict():
            return all(_is_text(key) and _is_plain(one) for key, one in value.items())
    return False


def _is_text(value: object) -> bool:
    """JSON may hold halves of surrogate pairs, which no UTF-8 can."""
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


Value = Annotated[Any, AfterValidator(plain)]
"""Any JSON that is bounded and survives being written. Raises ValueError within a model."""


def is_finite(value: object) -> bool:
    """Whether no float in it is NaN or infinite. Only called for what orjson could encode, so it is shallow enough."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    if is_dataclass(value):
        return all(is_finite(getattr(value, field.name)) for field in fields(value))
    return True


def faults(errors: Iterable[Mapping[str, Any]]) -> str:
    """Pydantic's errors in one line: where, and what."""
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors)
