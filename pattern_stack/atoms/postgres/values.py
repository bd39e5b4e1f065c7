"""Parameters and results in PostgreSQL's binary format: only the types that this package uses."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

_BYTEA, _INT8, _TEXT, _FLOAT8 = 17, 20, 25, 701
_BYTEAS, _INT8S, _TEXTS = 1001, 1016, 1009
_NULL = -1


class Value(NamedTuple):
    """One parameter: the type's OID, and the value in binary format; None is NULL."""

    oid: int
    data: bytes | None

    @classmethod
    def of(cls, value: "Value | str | bytes | int | float | None") -> "Value":
        """Of a Python value. The texts and bytes of None have to be cast in the statement."""
        if isinstance(value, Value):
            return value
        if isinstance(value, str):
            return cls(_TEXT, value.encode())
        if isinstance(value, int):
            return cls(_INT8, value.to_bytes(8, signed=True))
        if isinstance(value, float):
            return cls(_FLOAT8, struct.pack("!d", value))
        return cls(_BYTEA if value is not None else _TEXT, value)


def array(kind: type, items: Iterable[str | bytes | int | None]) -> Value:
    """Of text (str), bytea (bytes) or bigint (int); an item may be None."""
    oid, element = {bytes: (_BYTEAS, _BYTEA), int: (_INT8S, _INT8), str: (_TEXTS, _TEXT)}[kind]
    parts = [_item(item) for item in items]
    head = struct.pack("!iiIii", 1, 1, element, len(parts), 1) if parts else struct.pack("!iiI", 0, 0, element)
    return Value(oid, head + b"".join(parts))


def _item(item: str | bytes | int | None) -> bytes:
    if item is None:
        return struct.pack("!i", _NULL)
    data = Value.of(item).data
    assert data is not None
    return struct.pack("!i", len(data)) + data


def integer(data: bytes | None) -> int:
    """Of a result's int2, int4 or int8."""
    assert data is not None
    return int.from_bytes(data, signed=True)


def unpacked(data: bytes | None) -> list[bytes]:
    """The items of a result's array, without NULLs."""
    if data is None or struct.unpack_from("!i", data)[0] == 0:
        return []
    (count,) = struct.unpack_from("!i", data, 12)
    items, at = [], 20
    for _ in range(count):
        (length,) = struct.unpack_from("!i", data, at)
        items.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return items
