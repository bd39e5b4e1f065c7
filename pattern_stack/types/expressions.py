"""JSON Schemas as types of TypeScript."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pattern_stack.types.names import property_name

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_INDENT = "  "
Schema = Any


class Types:
    """Writes types; `names` has the name of each schema that is referred to."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def of(self, schema: Schema, indent: str = "") -> str:
        """The type, as one expression. Its further lines begin with `indent`."""
        if not isinstance(schema, Mapping):
            return "never" if schema is False else "unknown"
        if reference := schema.get("$ref"):
            return self._names[reference.rsplit("/", 1)[-1]]
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return _union(map(_literal, schema["enum"]))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return _union(self.of(one, indent) for one in schema[keyword])
        if "allOf" in schema:
            return " & ".join(_grouped(self.of(one, indent)) for one in schema["allOf"])
        return self._of_type(schema, indent)

    def _of_type(self, schema: Mapping[str, Any], indent: str) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(self.of({**schema, "type": one}, indent) for one in kind)
        if kind == "array":
            return self._array(schema, indent)
        if kind == "object" or "properties" in schema:
            return self._object(schema, indent)
        return _PLAIN.get(kind or "", "unknown")

    def _array(self, schema: Mapping[str, Any], indent: str) -> str:
        items = schema.get("items", True)
        if not isinstance(items, list):
            return f"{_grouped(self.of(items, indent))}[]"
        members = [self.of(one, indent) for one in items]
        more = schema.get("additionalItems", True)
        rest = [] if more is False else [f"...{_grouped(self.of(more, indent))}[]"]
        return f"[{', '.join([*members, *rest])}]"

    def _object(self, schema: Mapping[str, Any], indent: str) -> str:
        if schema.get("properties"):
            return f"{{\n{self.members(schema, indent + _INDENT)}{indent}}}"
        values = self.of(_values(schema), indent)
        if "propertyNames" in schema and (keys := self.of(schema["propertyNames"], indent)) not in (
            "string",
            "unknown",
        ):
            return f"{{ [key in {keys}]?: {values} }}"
        return f"{{ [key: string]: {values} }}"

    def members(self, schema: Mapping[str, Any], indent: str) -> str:
        """A line for each property, and comments before those that have a description."""
        lines = []
        required = schema.get("required", ())
        for name, its in schema.get("properties", {}).items():
            mark = "" if name in required else "?"
            lines.append(f"{comment(its, indent)}{indent}{property_name(name)}{mark}: {self.of(its, indent)};\n")
        if schema.get("additionalProperties"):
            lines.append(f"{indent}[key: string]: unknown;\n")
        return "".join(lines)


def _values(schema: Mapping[str, Any]) -> Schema:
    if patterns := schema.get("patternProperties"):
        return {"anyOf": list(patterns.values())}
    return schema.get("additionalProperties", True)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float | None) else "unknown"


def _union(members: Iterable[str]) -> str:
    unique = dict.fromkeys(members)
    return "unknown" if "unknown" in unique else " | ".join(unique) or "never"


def _grouped(expression: str) -> str:
    return f"({expression})" if " | " in expression or " & " in expression else expression


def comment(schema: Schema, indent: str) -> str:
    """What the schema says of itself, as a comment; nothing where it says nothing."""
    if not isinstance(schema, Mapping):
        return ""
    lines = str(schema.get("description", "")).splitlines()
    lines += [f"@{name} {schema[name]}" for name in ("format",) if name in schema]
    lines += ["@deprecated"] if schema.get("deprecated") else []
    return commented(lines, indent)


def commented(lines: Iterable[str], indent: str) -> str:
    safe = [line.rstrip().replace("*/", "*\\/") for line in lines]
    if not any(safe):
        return ""
    if len(safe) == 1:
        return f"{indent}/** {safe[0]} */\n"
    inner = "".join(f"{indent} * {line}".rstrip() + "\n" for line in safe)
    return f"{indent}/**\n{inner}{indent} */\n"
