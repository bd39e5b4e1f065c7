"""Checks of the numbers that an application sets: a bound that cannot be is refused where it is written."""

from dataclasses import fields
from math import isfinite
from typing import Any

_PREFIX_LENGTH = 100


def check_bounds(bounds: Any) -> None:
    """For a dataclass of numbers. Raises TypeError for what is no number, ValueError for one below 0, for infinity and for
    NaN, and for a fraction where the field counts something."""
    for field in fields(bounds):
        name, value = f"{type(bounds).__name__}.{field.name}", getattr(bounds, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} is a number, not {value!r:.80}")
        if not (isfinite(value) and value >= 0):
            raise ValueError(f"{name} is a finite number, 0 or more, not {value}")
        if field.type is int and value != int(value):
            raise ValueError(f"{name} is a whole number, not {value}")


def check_prefix(prefix: str) -> str:
    """The prefix itself. Raises TypeError for what is no text, ValueError for one that keys and tables cannot begin with."""
    if not isinstance(prefix, str):
        raise TypeError(f'channel_prefix is text, like "shop", not {prefix!r:.80}')
    if not prefix.isprintable() or not 1 <= len(prefix) <= _PREFIX_LENGTH or set(prefix) & set("{} "):
        raise ValueError("a channel_prefix is 1 to 100 printable characters without braces and spaces")
    return prefix


def check_type(value: object, kind: type, example: str) -> None:
    """Raises TypeError, which shows how it is written, for a value of another type. None is left to the default."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{example}, not {value!r:.80}")
