"""Templates: types of nodes, their properties, and which types may be children of which."""

from datetime import date
from hashlib import sha256
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from pattern_stack.atoms.json import plain
from pattern_stack.features.sessions.errors import InvalidCommand, InvalidProperty

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]

STATUS = "status"


def option_id(type_id: str, property_id: str, name: str) -> str:
    """A hash: the same for the same names, in every process and version."""
    return sha256(f"{type_id}.{property_id}:{name}".encode()).hexdigest()[:16]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Option(_Strict):
    """One value of a select. `id` is derived from the names: a template's file leaves it out."""

    id: str = ""
    name: Text
    indicator_id: Text | None = None


class Property(_Strict):
    """A property of a type's nodes. The `default` of a select is an option's name or id."""

    id: Id
    name: Text
    type: Literal["text", "number", "currency", "boolean", "date", "select"]
    required: bool = False
    default: Annotated[str | int | float | bool | None, AfterValidator(plain)] = None
    options: list[Option] = []

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if (self.type == "select") != bool(self.options):
            raise ValueError("a select has options, and no other type has them")
        if len({option.name for option in self.options}) < len(self.options):
            raise ValueError("two options have the same name")
        return self

    def check(self, value: object) -> None:
        """Raises InvalidProperty where this cannot be its value."""
        if not self._takes(value):
            raise InvalidProperty(f"{self.id} is {_WANTED[self.type]}, not {value!r:.80}")
        if self.required and value == "":
            raise InvalidProperty(f"{self.id} is required: it cannot be empty")

    def _takes(self, value: object) -> bool:
        match self.type:
            case "text":
                return isinstance(value, str)
            case "number" | "currency":
                return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            case "boolean":
                return isinstance(value, bool)
            case "date":
                return isinstance(value, str) and _is_date(value)
            case "select":
                return any(option.id == value for option in self.options)


_WANTED = {
    "text": "a text",
    "number": "a number",
    "currency": "an amount, a number",
    "boolean": "true or false",
    "date": "a date like 2026-11-21",
    "select": "the id of one of its options",
}


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class NodeType(_Strict):
    """A type of nodes. A new node's `status` is its first option; other properties have their defaults."""

    id: Id
    name: Text
    allowed_children: list[Id] = []
    has_time_log: bool = False
    properties: list[Property] = []
    _defaults: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _unique("property", self.properties)
        for one in self.properties:
            self._name_options(one)
            if one.id == STATUS:
                one.default = self._first_option(one)
            if one.default is not None:
                self._defaults[one.id] = self._checked(one)
        return self

    def _checked(self, one: Property) -> object:
        try:
            one.check(one.default)
        except InvalidProperty as error:
            raise ValueError(f"the default of {error}") from None
        return one.default

    def _name_options(self, one: Property) -> None:
        for option in one.options:
            option.id = option_id(self.id, one.id, option.name)
            if one.default == option.name:
                one.default = option.id

    def _first_option(self, status: Property) -> str:
        if status.type != "select" or status.default not in (None, status.options[0].id):
            raise ValueError("status is a select, and its default is its first option")
        return status.options[0].id

    @property
    def defaults(self) -> dict[str, Any]:
        """The properties of a new node; a fresh copy each time."""
        return self._defaults.copy()

    def check(self, property_id: str, value: object) -> None:
        """Raises InvalidProperty where a node of this type has no such property, or not this value."""
        found = next((one for one in self.properties if one.id == property_id), None)
        if found is None:
            raise InvalidProperty(f"a {self.id} has no property {property_id!r:.80}")
        found.check(value)


class TemplateSummary(BaseModel):
    """A template without its node types."""

    id: Id
    name: Text
    version: Text
    description: str = ""


class Template(TemplateSummary):
    """A template. A project begins with a node of the first type. A template is not changed once it is loaded."""

    model_config = ConfigDict(strict=True, extra="forbid")

    node_types: list[NodeType] = Field(min_length=1)
    _by_id: dict[str, NodeType] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _closed(self) -> Self:
        _unique("node type", self.node_types)
        self._by_id = {one.id: one for one in self.node_types}
        for one in self.node_types:
            if unknown := set(one.allowed_children) - self._by_id.keys():
                raise ValueError(f"{one.id} allows children of unknown types: {', '.join(sorted(unknown))}")
        return self

    @property
    def summary(self) -> TemplateSummary:
        return TemplateSummary(id=self.id, name=self.name, version=self.version, description=self.description)

    def has(self, type_id: str) -> bool:
        return type_id in self._by_id

    def type(self, type_id: str) -> NodeType:
        """Raises InvalidCommand where there is no such type."""
        try:
            return self._by_id[type_id]
        except KeyError:
            raise InvalidCommand(f"the template {self.id} has no node type {type_id!r:.80}") from None


def _unique(what: str, several: list[Any]) -> None:
    ids = [one.id for one in several]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"the {what} {min(twice)} is there twice")
