"""A JSON Schema as what can be compared: its alternatives, without references and unions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]


@dataclass
class Shape:
    """What values there are: null, single values, and values of a type."""

    nullable: bool = False
    literals: dict[str, Any] = field(default_factory=dict)
    """By their JSON."""
    typed: list[tuple[str, Schema]] = field(default_factory=list)
    """Each with the name of its type; `any` is a schema that names none."""

    def words(self) -> str:
        """Like `"new" | "shipped" | null`."""
        named = [_words(kind, schema) for kind, schema in self.typed]
        return " | ".join([*self.literals, *dict.fromkeys(named), *(["null"] if self.nullable else [])]) or "nothing"


def shape_of(schema: Any, named: Mapping[str, Any]) -> Shape:
    """`named`: the schemas that a reference may mean."""
    shape = Shape()
    for one in _alternatives(schema, named, ()):
        if "const" in one or "enum" in one:
            values = [one["const"]] if "const" in one else one["enum"]
            shape.literals.update({json.dumps(value): value for value in values if value is not None})
            shape.nullable |= None in values
        elif one.get("type") == "null":
            shape.nullable = True
        else:
            shape.typed.append((_kind(one), one))
    return shape


def _alternatives(schema: Any, named: Mapping[str, Any], inside: tuple[str, ...]) -> Iterator[Schema]:
    if not isinstance(schema, Mapping):
        if schema is not False:
            yield {}
        return
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[-1]
        if name not in inside:  # a type that is itself, and nothing else
            yield from _alternatives(named.get(name, {}), named, (*inside, name))
        return
    members = schema.get("anyOf") or schema.get("oneOf")
    if members is None and len(schema.get("allOf", ())) == 1:
        members = schema["allOf"]
    if members is not None:
        for member in members:
            yield from _alternatives(member, named, inside)
    elif isinstance(schema.get("type"), list):
        for one in schema["type"]:
            yield {**schema, "type": one}
    else:
        yield schema


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    return "object" if "properties" in schema else "any"


def _words(kind: str, schema: Schema) -> str:
    if kind == "object" and "title" in schema:
        return str(schema["title"])
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def tag_of(schema: Schema) -> dict[str, Any]:
    """The fields of an object that have one value only: they tell the members of a union apart."""
    return {
        name: its["const"]
        for name, its in schema.get("properties", {}).items()
        if isinstance(its, Mapping) and "const" in its
    }
