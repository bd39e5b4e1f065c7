"""Checks of the numbers that an application sets: a bound that cannot be is refused where it is written."""

from dataclasses import fields
from math import isfinite
from typing import Any


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


def check_type(value: object, kind: type, example: str) -> None:
    """Raises TypeError, which shows how it is written, for a value of another type. None is left to the default."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{example}, not {value!r:.80}")
