"""What may stand in metadata and results: JSON, of a bounded size, and nobody else's any more."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from pattern_stack.atoms.json import is_finite
from pattern_stack.features.notifications.errors import InvalidReport

JSON_BYTES = 64 * 1024
"""The longest metadata, and the longest results, encoded."""
JSON_LEVELS = 100
"""How deep lists and objects may lie in each other: whoever reads a record again has a bound of its own, often of 200."""

_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def frozen(value: Any) -> Any:
    """A copy that shares nothing with `value`. ValueError where it is no JSON (NaN, an object, a key that is no string),
    longer than JSON_BYTES or deeper than JSON_LEVELS."""
    try:
        data = orjson.dumps(value, option=_PLAIN)
    except (TypeError, ValueError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if len(data) > JSON_BYTES:
        raise ValueError(f"it has {len(data)} bytes, and at most {JSON_BYTES} are kept")
    if b"null" in data and not is_finite(value):  # orjson writes NaN as null
        raise ValueError("NaN and Infinity are not JSON")
    copy = orjson.loads(data)
    if data.count(b"[") + data.count(b"{") > JSON_LEVELS and _levels(copy) > JSON_LEVELS:
        raise ValueError(f"it is more than {JSON_LEVELS} levels deep")
    return copy


def _levels(value: object) -> int:
    """0 of what is neither a list nor an object."""
    levels, there = 0, [value]
    while there := [one for one in there if isinstance(one, dict | list)]:
        levels += 1
        there = [inner for one in there for inner in (one.values() if isinstance(one, dict) else one)]
    return levels


Json = Annotated[Any, AfterValidator(frozen)]
Metadata = Annotated[dict[str, Any], AfterValidator(frozen), Field(examples=[{"file": "orders.csv"}])]


def merged(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> dict[str, Any]:
    if new is not None and not isinstance(new, Mapping):
        raise InvalidReport(f"metadata: it is a JSON object, not {type(new).__name__}")
    return {**old, **(new or {})}
