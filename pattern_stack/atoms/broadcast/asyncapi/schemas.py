"""The JSON Schemas of pydantic types, in the draft that AsyncAPI 3.0 takes: draft 7."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core.core_schema import DecimalSchema

Schema = dict[str, Any]
Use = tuple[Hashable, JsonSchemaMode, TypeAdapter[Any]]
"""A name for it, whether it comes in or goes out, and the type."""

IN: Literal["validation"] = "validation"
OUT: Literal["serialization"] = "serialization"

REFERENCE = "#/components/schemas/{model}"
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_SCHEMAS = (
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
)
_LISTS = ("allOf", "anyOf", "oneOf", "items")
_MAPPINGS = ("properties", "patternProperties")


class _Generate(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

    def decimal_schema(self, schema: DecimalSchema) -> Schema:
        """A text that is a number: pydantic's own schema allows any text."""
        made = super().decimal_schema(schema)
        return {
            **_number_text(made),
            **({"anyOf": [_number_text(one) for one in made["anyOf"]]} if "anyOf" in made else {}),
        }


def _number_text(schema: Schema) -> Schema:
    return {"pattern": _NUMBER, **schema} if schema.get("type") == "string" else schema


def schemas_of(uses: Iterable[Use]) -> tuple[dict[Hashable, Schema], dict[str, Schema]]:
    """The schema of each use, and the named schemas that they refer to.

    Raises PydanticInvalidForJsonSchema for a type that has none.
    """
    found, named = TypeAdapter.json_schemas(list(uses), ref_template=REFERENCE, schema_generator=_Generate)
    of_uses = {name: draft_7(schema) for (name, _), schema in found.items()}
    return of_uses, {name: draft_7(schema) for name, schema in named.get("$defs", {}).items()}


def draft_7(schema: Any) -> Any:
    """The same schema in draft 7, where `$ref` has no siblings, and without what AsyncAPI gives another meaning."""
    if not isinstance(schema, Mapping):
        return schema
    plain = {name: _draft_7_of(name, value) for name, value in schema.items() if name != "discriminator"}
    if "prefixItems" in plain:
        plain["additionalItems"] = plain.pop("items", True)
        plain["items"] = plain.pop("prefixItems")
        if len(plain["items"]) == plain.get("maxItems"):
            plain["additionalItems"] = False
    if isinstance(discriminator := schema.get("discriminator"), Mapping):
        plain["x-discriminator"] = discriminator["propertyName"]
    if "$ref" in plain and len(plain) > 1:
        plain["allOf"] = [{"$ref": plain.pop("$ref")}]
    return plain


def _draft_7_of(keyword: str, value: Any) -> Any:
    if keyword in _MAPPINGS:
        return {name: draft_7(inner) for name, inner in value.items()}
    if isinstance(value, list) and (keyword in _LISTS or keyword == "prefixItems"):
        return [draft_7(inner) for inner in value]
    return draft_7(value) if keyword in _SCHEMAS else value
